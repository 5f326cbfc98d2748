"""Starts a complete shop with demo data."""

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
from core.metrics.exporter import begin_metrics
from core.server import static_files
from core.server.children import Children
from core.server.serving import address_text, bind, parse_address, reserve, serve, serve_by_workers
from core.server.start.preflight import CannotRun, one_line, prepare_database
from samples.demo.loading import CUSTOMER, STAFF, prepare
from samples.demo.welcome import welcome

log = logging.getLogger(__name__)
GRPC_OPTIONS = ("--shares-port", "--skip-checks", "--verbosity=0", "--grace=2")
WEBHOOK_OPTIONS = ("--skip-checks", "--verbosity=0", "--grace=1")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # for comparisons
LOOPBACK = ("127.0.0.1", "::1", "localhost")
END_S = 1.5  # for the other processes to exit after HTTP has ended; then they are killed
PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105  # no characters that look alike


class Command(BaseCommand):
    help = "Migrates, loads demo data into an empty database, and serves the shop until Ctrl-C."
    requires_system_checks = []  # they query the database, which is checked here first

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--http", default="127.0.0.1:8000", metavar="HOST:PORT", help="address of the HTTP server")
        parser.add_argument("--grpc", default="127.0.0.1:50051", metavar="HOST:PORT", help="address of the gRPC server")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="number of HTTP processes (default: 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            host, port = parse_address(options["http"])
            grpc_host, grpc_port = parse_address(options["grpc"])
            with bind(host, port) as listener, reserve(grpc_host, grpc_port) as reserved:
                prepare_database()
                begin_metrics()
                static_files.collect()
                url = f"http://{address_text(host, listener.getsockname()[1])}"
                grpc = address_text(grpc_host, reserved.getsockname()[1])
                self.stdout.write(welcome(url, grpc, self._demo(), settings.STORE_NAME))
                self.stdout.flush()
                self._set_up_server(host, grpc, url)
                with (
                    _beside("gRPC server", "grpcrunserver", grpc, *GRPC_OPTIONS) as end_grpc,
                    _beside("sender of webhooks", "deliverwebhooks", *WEBHOOK_OPTIONS) as end_webhooks,
                ):

                    def end() -> None:
                        end_grpc()
                        end_webhooks()

                    if options["workers"] > 1:
                        serve_by_workers(listener, workers=options["workers"], on_end=end)
                    else:
                        serve(listener, on_end=end)
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason
        except Error as error:
            raise CommandError(f"The demo data can't be written: {one_line(error)}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The next start continues from here.") from None

    def _demo(self) -> dict[str, str | None]:
        """Prepare the demo data; return the password of each demo user, or None if it is not known any more."""
        chosen = os.environ.get("DEMO_PASSWORD", "")
        password = chosen or "-".join(_letters(4) for _ in range(3))
        added, _ = prepare(password)
        return {name: password if name in added or _is_password(name, chosen) else None for name in (STAFF, CUSTOMER)}

    @staticmethod
    def _set_up_server(host: str, grpc: str, url: str) -> None:
        """Set the defaults of quickstart in the settings, and in the environment for the worker processes."""
        # One log line per request would hide the sign-in.
        level = os.environ.setdefault("LOG_LEVEL", "WARNING")
        settings.LOGGING["root"]["level"] = level  # read again when the server sets up Django
        logging.getLogger().setLevel(level)
        os.environ.setdefault("GRPC_REFLECTION", "open")
        settings.DEMO_MODE, os.environ["DEMO_MODE"] = True, "on"
        # Signing in without a password is only for programs on this machine, not behind a proxy with another name.
        is_local = host in LOOPBACK and "ALLOWED_HOSTS" not in os.environ
        settings.DEMO_SIGN_IN = is_local and os.environ.setdefault("DEMO_SIGN_IN", "on") == "on"
        settings.GRPC_HEALTH_ADDRESS = os.environ["GRPC_HEALTH_ADDRESS"] = grpc
        if not os.environ.get("MEDIA_URL") and host not in EVERY_ADDRESS:
            settings.MEDIA_URL = os.environ["MEDIA_URL"] = f"{url}/media/"
        if "ALLOWED_HOSTS" not in os.environ:
            settings.ALLOWED_HOSTS += [f"[{host}]" if ":" in host else host]
            if host in EVERY_ADDRESS:
                settings.ALLOWED_HOSTS += [socket.gethostname()]
            os.environ["ALLOWED_HOSTS"] = ",".join(settings.ALLOWED_HOSTS)
        connection.close()


@contextmanager
def _beside(name: str, *command: str) -> Iterator[Callable[[], None]]:
    """Run a command in a separate process, so that it does not share load with HTTP; yield a function that ends it."""
    children = Children()
    children.start(*command)
    keeper = threading.Thread(target=_keep, args=(name, children), name=name, daemon=True)
    keeper.start()
    try:
        yield children.end
    finally:
        children.end()
        keeper.join()
        children.wait(END_S)


def _keep(name: str, children: Children) -> None:
    try:
        children.keep()
    except CannotRun as reason:
        log.error("The shop continues without its %s: %s", name, reason)


def _letters(count: int) -> str:
    return "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(count))


def _is_password(name: str, password: str) -> bool:
    return bool(password) and check_password(password, User.objects.named(name).get().password)
