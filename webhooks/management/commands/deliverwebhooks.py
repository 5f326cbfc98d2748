from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ecommerce.children import end_with_parent, on_end_signals
from webhooks.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Sends webhooks until SIGTERM or Ctrl-C. Several may run at a time, on several machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=settings.WEBHOOK_THREADS, metavar="N")
        parser.add_argument(
            "--grace",
            type=float,
            default=settings.WEBHOOK_TIMEOUT_S,
            metavar="S",
            help=f"for tries that are under way to finish ({settings.WEBHOOK_TIMEOUT_S:g})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dispatcher = Dispatcher(max(1, options["threads"]))
        on_end_signals(dispatcher.end)
        end_with_parent()
        if options["verbosity"]:
            self.stdout.write("Webhooks are sent.")
            self.stdout.flush()
        dispatcher.run(grace_s=options["grace"])
