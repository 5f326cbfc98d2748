"""`manage.py grpcrunserver`: django-grpc-framework's command, with workers, TLS and a graceful shutdown."""

import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import grpc
from django.core.management.base import CommandError, CommandParser
from django_grpc_framework.management.commands import grpcrunserver as stock

from core.doctor.key_fingerprint import check_key_in_background
from core.metrics.exporter import begin_metrics
from core.protocols.live.sampling import sample_streams
from core.protocols.rpc.server import GrpcServer
from core.server.children import ORDERLY, Children, end_with_parent, on_end_signals
from core.server.serving import address_text, bind, parse_address, reserve
from core.server.start.garbage import end_start
from core.server.start.preflight import CannotRun

PORT = 50051
GRACE_S = 10
END_S = 3  # for workers, in addition to their grace
SIGNAL_POLL_S = 0.1


class Command(stock.Command):
    help = (
        "Serves the shop over gRPC until SIGTERM or Ctrl-C. Running calls are then finished, and streams end with "
        "UNAVAILABLE and their cursor. Clients should retry UNAVAILABLE. If they keep many calls in flight and --drain "
        "is not set, they should also retry CANCELLED: the core drops calls that arrive at that moment, and they never "
        "run. A retried write should have an idempotency key, an expected version or a SKU, because a call that is cut "
        "off after its grace may have run."
    )
    requires_system_checks = "__all__"
    is_ending = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(address=f"[::]:{PORT}" if _has_ipv6() else f"0.0.0.0:{PORT}")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the port (1)")
        parser.add_argument("--tls-cert", metavar="FILE", help="the server's certificate and chain, PEM")
        parser.add_argument("--tls-key", metavar="FILE", help="the private key of the certificate, PEM")
        parser.add_argument(
            "--tls-client-ca", metavar="FILE", help="accept only clients with a certificate of this CA, PEM"
        )
        parser.add_argument(
            "--grace", type=float, default=GRACE_S, metavar="S", help=f"seconds for running calls to finish ({GRACE_S})"
        )
        parser.add_argument(
            "--drain",
            type=float,
            default=0,
            metavar="S",
            help="seconds to go on serving before the end; no connection gets older than that, so all are renewed (0)",
        )
        # For workers, whose parent has checked and reserved the port.
        parser.add_argument("--shares-port", action="store_true", help="share the port with other processes")

    def handle(self, *args: object, **options: Any) -> None:
        self.options = options
        try:
            self.host, self.port = parse_address(_with_host(options["address"]))
            begin_metrics()
            self.credentials = _credentials(options["tls_cert"], options["tls_key"], options["tls_client_ca"])
            if options["workers"] > 1:
                self._run_workers()
                return
            if not options["shares_port"]:
                bind(self.host, self.port).close()
            super().handle(*args, **options)
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason

    def run(self, **options: Any) -> None:
        """Print the address after the server has started, not before."""
        if self.development_mode:
            super().run(**options)
        else:
            self._serve()

    def _serve(self) -> None:
        shares_port, drain_s = self.options["shares_port"], self.options["drain"]
        server = GrpcServer(max_workers=self.max_workers, shares_port=shares_port, drain_s=drain_s)
        try:
            port = server.listen(address_text(self.host, self.port), self.credentials)
        except RuntimeError as error:
            raise CannotRun(f"Can't listen on port {self.port} of {self.host}.") from error
        if threading.current_thread() is threading.main_thread():  # else the reloader's: that thread ends by itself
            on_end_signals(self._end)
            end_with_parent()
        server.start()
        check_key_in_background()
        sample_streams()
        end_start()
        self._say(f"gRPC is served at {address_text(self.host, port)}.")
        while not self.is_ending:
            time.sleep(SIGNAL_POLL_S)  # not Event.wait: a signal handler would need the lock that it holds
        if not server.stop(self.options["grace"]):
            self._leave()

    def _end(self) -> None:
        self.is_ending = True

    def _run_workers(self) -> None:
        if self.options["development_mode"]:
            raise CommandError("--dev runs one process: leave out --workers.")
        with reserve(self.host, self.port) as reserved:
            address = address_text(self.host, reserved.getsockname()[1])
            children = Children()
            on_end_signals(children.end)
            end_with_parent()
            try:
                for _ in range(self.options["workers"]):
                    children.start("grpcrunserver", address, "--shares-port", "--skip-checks", *self._passed_on())
                children.keep()
            finally:
                children.end()
                codes = children.wait(self.options["drain"] + self.options["grace"] + END_S)
        if not set(codes) <= ORDERLY:  # a signal may arrive before its handler is set
            raise CommandError(f"A worker did not shut down gracefully: exit codes {', '.join(map(str, codes))}.")

    def _passed_on(self) -> list[str]:
        names = ("max_workers", "grace", "drain", "tls_cert", "tls_key", "tls_client_ca", "verbosity")
        given = {name: self.options[name] for name in names if self.options[name] is not None}
        return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]

    def _say(self, text: str) -> None:
        if self.options["verbosity"]:
            self.stdout.write(text)
            self.stdout.flush()

    def _leave(self) -> None:
        """Exit even if a thread is busy: Python would wait for it without limit."""
        logging.getLogger(__name__).warning("Calls were still running when the server ended.")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def _with_host(address: str) -> str:
    if address.isdecimal():
        return f"{'[::]' if _has_ipv6() else '0.0.0.0'}:{address}"  # noqa: S104  # the operator named a port only
    return address


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _credentials(cert: str | None, key: str | None, client_ca: str | None) -> grpc.ServerCredentials | None:
    """Read the TLS files; return None if none are named. Raises CannotRun."""
    if not (cert or key or client_ca):
        return None
    if not (cert and key):
        raise CannotRun("TLS needs both --tls-cert and --tls-key.")
    pair, ca = (_content(key), _content(cert)), _content(client_ca) if client_ca else None
    try:
        credentials: grpc.ServerCredentials = grpc.ssl_server_credentials(
            [pair], ca, require_client_auth=ca is not None
        )
    except ValueError as error:
        raise CannotRun(f"TLS does not work: {error}") from error
    return credentials


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CannotRun(f"The file {path} can't be read: {error.strerror}.") from error
