"""`manage.py grpcrunserver`: django-grpc-framework's, with what that lacks."""

import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
from django.core.management.base import CommandError, CommandParser
from django_grpc_framework.management.commands import grpcrunserver as stock

from ecommerce.children import Children, end_with_parent, on_end_signals
from ecommerce.preflight import CannotRun
from ecommerce.rpc.server import Server
from ecommerce.serving import listen, parse_address, reserve, written

PORT = 50051
GRACE_S = 10
END_S = 3  # for workers, past their grace
LOOK_S = 0.5


class Command(stock.Command):
    help = (
        "Serves the shop over gRPC until SIGTERM or Ctrl-C. Calls that run are then finished, and streams end with "
        "UNAVAILABLE and their cursor. Clients should retry UNAVAILABLE, and CANCELLED where they have many calls on "
        "their way at a time and there is no --drain: the core drops what arrives at that moment, and it never runs. "
        "A write that is retried should bring an idempotency key, an expected version or a SKU, for a call that is "
        "cut off after its grace may have run."
    )
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(address=f"[::]:{PORT}" if _has_ipv6() else f"0.0.0.0:{PORT}")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the port (1)")
        parser.add_argument("--tls-cert", metavar="FILE", help="the server's certificate and chain, PEM")
        parser.add_argument("--tls-key", metavar="FILE", help="its private key, PEM")
        parser.add_argument("--tls-client-ca", metavar="FILE", help="only clients with a certificate of this CA, PEM")
        parser.add_argument(
            "--grace", type=float, default=GRACE_S, metavar="S", help=f"for running calls to finish ({GRACE_S})"
        )
        parser.add_argument(
            "--drain",
            type=float,
            default=0,
            metavar="S",
            help="serve on before the end, for all connections to be renewed: none gets older than that (0)",
        )
        # A worker shares a port that its parent has looked after.
        parser.add_argument("--shares-port", action="store_true", help="several processes take this port")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options = options
        try:
            self.host, self.port = parse_address(_with_host(options["address"]))
            self.credentials = _credentials(options["tls_cert"], options["tls_key"], options["tls_client_ca"])
            if options["workers"] > 1:
                self._run_workers()
                return
            if not options["shares_port"]:
                listen(self.host, self.port).close()
            super().handle(*args, **options)
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason

    def run(self, **options: Any) -> None:
        """Do not say that it starts before it has."""
        if self.development_mode:
            super().run(**options)
        else:
            self._serve()

    def _serve(self) -> None:
        shares_port, drain_s = self.options["shares_port"], self.options["drain"]
        server = Server(max_workers=self.max_workers, shares_port=shares_port, drain_s=drain_s)
        try:
            port = server.listen(written(self.host, self.port), self.credentials)
        except RuntimeError as error:
            raise CannotRun(f"Can't listen on port {self.port} of {self.host}.") from error
        end = threading.Event()
        if threading.current_thread() is threading.main_thread():  # else the reloader's, which ends by itself
            on_end_signals(end.set)
            end_with_parent()
        server.start()
        self._say(f"gRPC is served at {written(self.host, port)}.")
        while not end.wait(LOOK_S):  # a signal that comes just before a wait does not end it
            continue
        if not server.stop(self.options["grace"]):
            self._leave()

    def _run_workers(self) -> None:
        if self.options["development_mode"]:
            raise CommandError("--dev runs one process: leave out --workers.")
        with reserve(self.host, self.port) as place:
            address = written(self.host, place.getsockname()[1])
            children, is_told = Children(), threading.Event()
            on_end_signals(lambda: (is_told.set(), children.signal()))
            end_with_parent()
            for _ in range(self.options["workers"]):
                children.start("grpcrunserver", address, "--shares-port", "--skip-checks", *self._passed_on())
            if is_told.is_set():
                children.signal()  # those that were started since
            children.wait_for_one()
            if not is_told.is_set():
                children.signal()
            codes = children.wait(self.options["drain"] + self.options["grace"] + END_S)
        if not (is_told.is_set() and set(codes) <= {0, -signal.SIGTERM}):  # a signal may come before it is expected
            raise CommandError(f"A worker ended by itself: exit codes {', '.join(map(str, codes))}.")

    def _passed_on(self) -> list[str]:
        names = ("max_workers", "grace", "drain", "tls_cert", "tls_key", "tls_client_ca", "verbosity")
        given = {name: self.options[name] for name in names if self.options[name] is not None}
        return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]

    def _say(self, text: str) -> None:
        if self.options["verbosity"]:
            self.stdout.write(text)
            self.stdout.flush()

    def _leave(self) -> None:
        """End though a thread is busy: Python would wait for it, however long it takes."""
        logging.getLogger(__name__).warning("Calls were still running when the server ended.")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def _with_host(address: str) -> str:
    if address.isdecimal():
        return f"{'[::]' if _has_ipv6() else '0.0.0.0'}:{address}"
    return address


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _credentials(cert: str | None, key: str | None, client_ca: str | None) -> grpc.ServerCredentials | None:
    """Read the files of TLS; None where none is named. Raises CannotRun."""
    if not (cert or key or client_ca):
        return None
    if not (cert and key):
        raise CannotRun("TLS needs both --tls-cert and --tls-key.")
    pair, ca = (_content(key), _content(cert)), _content(client_ca) if client_ca else None
    try:
        return grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
    except ValueError as error:
        raise CannotRun(f"TLS does not work: {error}") from error


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CannotRun(f"The file {path} can't be read: {error.strerror}.") from error
