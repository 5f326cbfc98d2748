from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from core.doctor.key_fingerprint import check_key_in_background
from core.metrics.exporter import begin_metrics
from core.server.children import end_with_parent, on_end_signals
from core.server.start.garbage import end_start
from webhooks.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Sends webhooks until SIGTERM or Ctrl-C. Several of these processes may run at once, on several machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.WEBHOOK_THREADS,
            metavar="N",
            help=f"concurrent attempts (default: {settings.WEBHOOK_THREADS})",
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=settings.WEBHOOK_TIMEOUT_S,
            metavar="S",
            help=f"seconds for attempts in flight to finish (default: {settings.WEBHOOK_TIMEOUT_S:g})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dispatcher = Dispatcher(max(1, options["threads"]))
        on_end_signals(dispatcher.end)
        end_with_parent()
        check_key_in_background()
        begin_metrics()
        end_start()
        if options["verbosity"]:
            self.stdout.write("Sending webhooks.")
            self.stdout.flush()
        dispatcher.run(grace_s=options["grace"])
