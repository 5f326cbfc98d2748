"""The gRPC server of one process."""

import logging
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from django.conf import settings
from django_grpc_framework.settings import grpc_settings
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ecommerce.rpc.calls import ANSWERS, WAITING
from ecommerce.rpc.reflection import ReflectionService
from ecommerce.rpc.service import register

log = logging.getLogger(__name__)
END_S = 1  # for threads that still work when their calls are over
QUIET_S = 0.1  # for clients that wait for an answer to have nothing else on its way
AGE = 0.8  # of the drain: the core lets connections grow a tenth older or less old


def options(*, shares_port: bool, drain_s: float = 0) -> list[tuple[str, int]]:
    """The limits of the core: it refuses what is beyond them before there is a call."""
    metadata = settings.GRPC_MAX_METADATA_BYTES
    return [
        ("grpc.so_reuseport", int(shares_port)),  # else a second server takes every other connection in silence
        ("grpc.max_receive_message_length", settings.GRPC_MAX_MESSAGE_BYTES),
        ("grpc.max_metadata_size", metadata),
        ("grpc.absolute_max_metadata_size", metadata),
        ("grpc.max_concurrent_streams", settings.GRPC_CALLS_PER_CONNECTION),
        # The core drops a burst of calls beyond these; its own numbers lost one in twenty of 2,000 streams.
        ("grpc.server.max_pending_requests", 20_000),
        ("grpc.server.max_pending_requests_hard_limit", 30_000),
        # A client that is gone without a word is noticed within 80 s; none may ping more often than every 10 s.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        *([("grpc.max_connection_age_ms", int(drain_s * AGE * 1000))] if drain_s else []),
    ]


class Server:
    """Every service of ROOT_HANDLERS_HOOK, health and reflection.

    `max_workers` threads answer; each has a database connection. With `drain_s` clients are asked, all the time, to
    take a new connection before theirs is that old.
    """

    def __init__(self, *, max_workers: int, shares_port: bool = False, drain_s: float = 0) -> None:
        self._shares_port, self._drain_s, self._port = shares_port, drain_s, 0
        self._pool = ThreadPoolExecutor(max_workers, thread_name_prefix="grpc")
        self._server = grpc.server(
            self._pool,
            interceptors=grpc_settings.SERVER_INTERCEPTORS,
            options=options(shares_port=shares_port, drain_s=drain_s),
        )
        named = _Named(self._server)
        grpc_settings.ROOT_HANDLERS_HOOK(named)
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, named)
        ReflectionService.names = [*named.names, ReflectionService.descriptor.full_name]
        register(named, ReflectionService)
        for name in named.names:
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Take the port, and return it. Raises RuntimeError."""
        if credentials is None:
            self._port = self._server.add_insecure_port(address)
        else:
            self._port = self._server.add_secure_port(address, credentials)
        return self._port

    def start(self) -> None:
        self._server.start()

    def wait(self) -> None:
        self._server.wait_for_termination()

    def stop(self, grace_s: float) -> bool:
        """Say so to who asks for health, drain, let calls finish for `grace_s`, end streams and say where to go on.

        The core drops a call that arrives after it was told to end and before its client knows. So the news goes ahead
        of the answers: a client that waits for one sends nothing in between. For one that does not wait, `drain_s`
        gives all connections their time to end, each by itself, while calls are still taken.
        What is cut off by the end of the grace may have been done, and its client is not told: so the second half of it
        is for what runs, and what still waits for a thread is refused. False when a thread is still busy.
        """
        self._health.enter_graceful_shutdown()
        if self._shares_port and self._drain_s:
            stop_listening(self._port)
        time.sleep(self._drain_s)
        with ANSWERS.kept_back():
            time.sleep(QUIET_S)
            ended = self._server.stop(grace_s)
        WAITING.end_all()
        self._health.end_watches()
        if not ended.wait(grace_s / 2):
            WAITING.begin_no_more()
            ended.wait()
        return self._is_idle_within(END_S)

    def _is_idle_within(self, seconds: float) -> bool:
        self._pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + seconds
        threads = list(self._pool._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


def stop_listening(port: int) -> None:
    """Take no more connections, so that those who share the port do; the core can't say so. On Linux alone."""
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            with socket.socket(fileno=os.dup(int(number))) as place:
                if place.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and place.getsockname()[1] == port:
                    place.shutdown(socket.SHUT_RDWR)
        except OSError:  # no socket, or one that is gone by now
            continue


class Health(health.HealthServicer):
    """grpcio's health service, whose watches would hold the server up until its grace is over."""

    def List(self, request: Any, context: Any) -> Any:
        """Return the state of every service, which grpcio's leaves out."""
        with self._lock:
            states = dict(self._server_status)
        checks = {name: health_pb2.HealthCheckResponse(status=status) for name, status in states.items()}
        return health_pb2.HealthListResponse(statuses=checks)

    def end_watches(self) -> None:
        with self._lock:
            watches = [send for sends in self._send_response_callbacks.values() for send in sends]
        for send in watches:
            send(None)


class _Named:
    """A server that notes the names of its services."""

    def __init__(self, server: Any) -> None:
        self._server, self.names = server, []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, name: str, handlers: Any) -> None:
        self.names.append(name)
        self._server.add_registered_method_handlers(name, handlers)
