"""`manage.py serve`: the web server, for production."""

import socket
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.metrics.exporter import begin_metrics
from core.server import static_files
from core.server.children import RENEWED, end_with_parent
from core.server.serving import address_text, bind, parse_address, serve, serve_by_workers
from core.server.start.preflight import CannotRun

ADDRESS = "127.0.0.1:8000"
GRACE_S = 10


class Command(BaseCommand):
    help = (
        "Serves the shop over HTTP until SIGTERM or Ctrl-C: REST, GraphQL, streams, Connect, gRPC-Web and the admin. "
        "Requests in progress are then finished. A worker that exits unexpectedly is restarted."
    )
    requires_system_checks = []  # /health/ready reports the state of the database, which may become available later

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "address", nargs="?", default=ADDRESS, metavar="HOST:PORT", help=f"address to listen on ({ADDRESS})"
        )
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the port (1)")
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE_S,
            metavar="S",
            help=f"seconds for running requests to finish ({GRACE_S})",
        )
        parser.add_argument(
            "--max-requests",
            type=int,
            default=0,
            metavar="N",
            help="requests after which a worker is replaced by a new process, plus up to a tenth at random (0: never)",
        )
        parser.add_argument("--listener", type=int, metavar="FD", help="file descriptor of a parent's listening socket")

    def handle(self, *args: object, **options: Any) -> None:
        end_with_parent()
        grace_s, workers, max_requests = options["grace"], max(1, options["workers"]), options["max_requests"]
        is_worker = options["listener"] is not None
        try:
            with self._listener(options) as listener:
                begin_metrics()
                if not is_worker:
                    static_files.collect()
                if not is_worker and (workers > 1 or max_requests):
                    serve_by_workers(listener, workers=workers, max_requests=max_requests, grace_s=grace_s)
                elif serve(listener, grace_s=grace_s, max_requests=max_requests):
                    sys.exit(RENEWED)
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason

    def _listener(self, options: dict[str, Any]) -> socket.socket:
        if options["listener"] is not None:
            return socket.socket(fileno=options["listener"])
        host, port = parse_address(options["address"])
        listener = bind(host, port)
        if options["verbosity"]:
            self.stdout.write(f"HTTP is served at {address_text(host, listener.getsockname()[1])}.")
            self.stdout.flush()
        return listener
