"""The gRPC server of one process."""

import logging
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from django.conf import settings
from django_grpc_framework.settings import grpc_settings
from grpc_health.v1 import health_pb2_grpc

from core.metrics.meters import meters
from core.protocols.rpc.calls import CallThreads, ResponseSender, Threads, server_ends
from core.protocols.rpc.health import Health
from core.protocols.rpc.reflection import REFLECTION, ReflectionV1Alpha
from core.protocols.rpc.service import add_services
from core.protocols.rpc.unary import Unary, UnaryCall
from core.runtime import singleton
from core.server.open_calls import OpenCalls

log = logging.getLogger(__name__)
END_S = 1  # time for threads that still work after their calls have ended
QUIET_S = 0.1  # responses are held back this long, so that clients get the shutdown notice before them
AGE = 0.8  # fraction of the drain: the core varies the age limit of connections by 10 % up or down


def options(*, shares_port: bool, drain_s: float = 0) -> list[tuple[str, int]]:
    """Return the limits of grpcio's core, which refuses a request above them before the server sees a call."""
    metadata = settings.GRPC_MAX_METADATA_BYTES
    return [
        # If this were always on, a second server would silently take half of the connections.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_receive_message_length", settings.GRPC_MAX_MESSAGE_BYTES),
        ("grpc.max_metadata_size", metadata),
        ("grpc.absolute_max_metadata_size", metadata),
        ("grpc.max_concurrent_streams", settings.GRPC_CALLS_PER_CONNECTION),
        # The core drops the calls of a burst above these limits. Its defaults lost one in twenty of 2,000 streams.
        ("grpc.server.max_pending_requests", 20_000),
        ("grpc.server.max_pending_requests_hard_limit", 30_000),
        # A client that vanishes without closing its connection is noticed within 80 s. A client that pings more often
        # than allowed is disconnected; the default interval of the core allows one ping in five minutes.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", int(settings.GRPC_PING_INTERVAL_S * 1000)),
        ("grpc.http2.max_ping_strikes", 2),
        *([("grpc.max_connection_age_ms", int(drain_s * AGE * 1000))] if drain_s else []),
    ]


class GrpcServer:
    """A gRPC server with the services of ROOT_HANDLERS_HOOK, health and reflection.

    Calls run on `max_workers` threads, each with a database connection. If `drain_s` is set, the server asks each
    client to reconnect before its connection is that old. It does so at all times, not only at shutdown.
    """

    def __init__(self, *, max_workers: int, shares_port: bool = False, drain_s: float = 0) -> None:
        self._shares_port, self._drain_s, self._port = shares_port, drain_s, 0
        self._pool = ThreadPoolExecutor(max_workers, thread_name_prefix="grpc")  # for methods that are not the shop's
        self._calls = CallThreads(max_workers)
        self._server = grpc.server(
            self._pool,
            interceptors=grpc_settings.SERVER_INTERCEPTORS,
            options=options(shares_port=shares_port, drain_s=drain_s),
        )
        named = _Named(self._server, self._calls)
        grpc_settings.ROOT_HANDLERS_HOOK(named)
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, named)
        ReflectionV1Alpha.names = [*named.names, *(each.descriptor.full_name for each in REFLECTION)]
        add_services(named, *REFLECTION)
        self._health.watch_database(named.names)

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Bind to the address, and return its port. Raises RuntimeError if that fails."""
        if credentials is None:
            self._port = self._server.add_insecure_port(address)
        else:
            self._port = self._server.add_secure_port(address, credentials)
        return self._port

    def start(self) -> None:
        """Start to serve, and wait for the first health check of the database."""
        self._server.start()
        help_text = "Jobs of a thread pool that run or wait."
        meters().sample("shop_thread_jobs", help_text, jobs_of_threads, pool="grpc")
        meters().sample("shop_threads", "Threads of a pool.", lambda: self._calls.size, pool="grpc")
        self._health.wait_until_known()

    def wait(self) -> None:
        self._server.wait_for_termination()

    def stop(self, grace_s: float) -> bool:
        """Report NOT_SERVING, drain, let calls finish for `grace_s`, end streams with the cursor to resume from.

        The core drops a call that arrives after its shutdown begins and before the client learns of it. So the shutdown
        notice is sent before the responses: a client that waits for a response sends no other call until then. For
        other clients, `drain_s` lets each connection reach its age limit and close while calls are still accepted.
        A call that is cut off at the end of the grace may have taken effect, and its client can't know. So the second
        half of the grace is for calls that run; a call that still waits for a thread is refused.
        Returns False if a thread is still busy at the end.
        """
        self._health.enter_graceful_shutdown()
        if self._shares_port and self._drain_s:
            stop_listening(self._port)
        time.sleep(self._drain_s)
        with singleton(ResponseSender).held_back():
            time.sleep(QUIET_S)
            ended = self._server.stop(grace_s)
        singleton(OpenCalls).end_all(server_ends())
        self._health.end_watches()
        if not ended.wait(grace_s / 2):
            singleton(OpenCalls).stop_new_calls()
            ended.wait()
        return self._is_idle_within(END_S)

    def _is_idle_within(self, seconds: float) -> bool:
        end = threading.Thread(target=self._end_threads, daemon=True)
        end.start()
        end.join(seconds)
        return not end.is_alive()

    def _end_threads(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._calls.shutdown()


def jobs_of_threads() -> int:
    """Return the number of unary calls that run on a thread, or wait for one."""
    return sum(isinstance(call, UnaryCall) and call.is_given_to_threads for call in singleton(OpenCalls))


def stop_listening(port: int) -> None:
    """Accept no more connections, so that they go to the other servers on the port. On Linux only.

    The core has no call for it, so this shuts down the listening sockets of the port in this process.
    """
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            with socket.socket(fileno=os.dup(int(number))) as listener:
                if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and listener.getsockname()[1] == port:
                    listener.shutdown(socket.SHUT_RDWR)
        except OSError:  # not a socket, or already closed
            continue


class _Named:
    """A wrapper of a server that records the names of its services, and gives its threads to unary methods."""

    def __init__(self, server: grpc.Server, threads: Threads) -> None:
        self._server, self._threads = server, threads
        self.names: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, name: str, handlers: Any) -> None:
        self.names.append(name)
        for method in [handler.stream_stream for handler in handlers.values()]:
            if isinstance(method, Unary):
                method.threads = self._threads
        self._server.add_registered_method_handlers(name, handlers)
