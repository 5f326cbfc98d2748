"""From nothing to a running shop."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection

from accounts.models import User
from ecommerce.children import Children
from ecommerce.preflight import CannotRun, one_line, prepare_database
from ecommerce.serving import listen, parse_address, reserve, serve, written
from orders.demo.loading import CUSTOMER, STAFF, prepare
from orders.demo.welcome import welcome

log = logging.getLogger(__name__)
GRPC_OPTIONS = ("--shares-port", "--skip-checks", "--verbosity=0", "--grace=2")
WEBHOOK_OPTIONS = ("--skip-checks", "--verbosity=0", "--grace=1")
END_S = 1.5  # for the processes beside, past the end of HTTP; then they are killed
PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads as something else


class Command(BaseCommand):
    help = "Migrates, loads demo data into an empty database, and serves the shop until Ctrl-C."
    requires_system_checks = []  # they ask the database, which is looked at here first

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--http", default="127.0.0.1:8000", metavar="HOST:PORT", help="where to serve HTTP")
        parser.add_argument("--grpc", default="127.0.0.1:50051", metavar="HOST:PORT", help="where to serve gRPC")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that serve HTTP (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            host, port = parse_address(options["http"])
            grpc_host, grpc_port = parse_address(options["grpc"])
            with listen(host, port) as listener, reserve(grpc_host, grpc_port) as place:
                prepare_database()
                url = f"http://{written(host, listener.getsockname()[1])}"
                grpc = written(grpc_host, place.getsockname()[1])
                self.stdout.write(welcome(url, grpc, self._demo(), settings.STORE_NAME))
                self.stdout.flush()
                self._set_up_server(host, grpc)
                with (
                    _beside("gRPC server", "grpcrunserver", grpc, *GRPC_OPTIONS) as end_grpc,
                    _beside("sender of webhooks", "deliverwebhooks", *WEBHOOK_OPTIONS) as end_webhooks,
                ):
                    ends = (end_grpc, end_webhooks)
                    serve(listener, workers=max(1, options["workers"]), on_end=lambda: [end() for end in ends])
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason
        except Error as error:
            raise CommandError(f"The demo data can't be written: {one_line(error)}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The next start goes on from here.") from None

    def _demo(self) -> dict[str, str | None]:
        """Prepare the demo data; return the users' passwords, None for what was set at an earlier start."""
        chosen = os.environ.get("DEMO_PASSWORD", "")
        password = chosen or "-".join(_letters(4) for _ in range(3))
        added, _ = prepare(password)
        return {name: password if name in added or _is_password(name, chosen) else None for name in (STAFF, CUSTOMER)}

    @staticmethod
    def _set_up_server(host: str, grpc: str) -> None:
        """Say in settings and environment, which workers read, what quickstart does otherwise by default."""
        # A line a request would bury the sign-in.
        level = os.environ.setdefault("LOG_LEVEL", "WARNING")
        settings.LOGGING["root"]["level"] = level  # read once more when the server sets Django up
        logging.getLogger().setLevel(level)
        settings.GRPC_HEALTH_ADDRESS = os.environ["GRPC_HEALTH_ADDRESS"] = grpc
        if "ALLOWED_HOSTS" not in os.environ:
            settings.ALLOWED_HOSTS += [f"[{host}]" if ":" in host else host]
            if host in ("0.0.0.0", "::"):
                settings.ALLOWED_HOSTS += [socket.gethostname()]
            os.environ["ALLOWED_HOSTS"] = ",".join(settings.ALLOWED_HOSTS)
        connection.close()


@contextmanager
def _beside(name: str, *command: str) -> Iterator[Callable[[], None]]:
    """Run a command in a process of its own, so that neither's load is the other's; yield what ends it."""
    children, is_ending = Children(), threading.Event()

    def end() -> None:
        is_ending.set()
        children.signal()

    children.start(*command)
    threading.Thread(target=_watch, args=(name, children, is_ending), name=name, daemon=True).start()
    try:
        yield end
    finally:
        end()
        children.wait(END_S)


def _watch(name: str, children: Children, is_ending: threading.Event) -> None:
    children.wait_for_one()
    if not is_ending.wait(1):  # a Ctrl-C ends all at once
        log.error("The %s ended by itself: exit code %s.", name, children.processes[0].returncode)


def _letters(count: int) -> str:
    return "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(count))


def _is_password(name: str, password: str) -> bool:
    return bool(password) and check_password(password, User.objects.get(username=name).password)
