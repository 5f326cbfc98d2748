"""Runs the web server in this process or in several worker processes."""

import asyncio
import errno
import logging
import math
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from core.rates.addresses import TrustedProxies
from core.server.asgi import Send
from core.server.bridge.direct import DirectCalls
from core.server.children import END_SIGNALS, Children, on_end_signals
from core.server.connections import BoundedHttp, WebSockets, config_behind
from core.server.start.preflight import CannotRun

GRACE_S = 2  # for requests in progress at shutdown
END_S = 1  # then a worker that still runs is killed
UVICORN_PROXIES = "127.0.0.1,::1"  # the proxies that uvicorn trusts by default
MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # of WebSockets; above the protocols' own limits, so they refuse with a reason
log = logging.getLogger(__name__)


def _nothing() -> None:
    """Do nothing at the end."""


def parse_address(text: str) -> tuple[str, int]:
    """Split `HOST:PORT`, `[IPV6]:PORT`. Raises CannotRun."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise CannotRun(f"{text!r} is not an address: write HOST:PORT, as in 127.0.0.1:8000.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def address_text(host: str, port: int) -> str:
    """Format an address: the inverse of `parse_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket to a port on which no other process listens. Raises CannotRun.

    The server listens when it is ready. Connections are refused until then, so that a proxy tries another node at once.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except socket.gaierror as error:
        raise CannotRun(f"{host} is not an address of this machine: {error.strerror}.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(f"Port {port} of {host} is in use: stop that program, or choose another port.") from error
        raise CannotRun(f"Can't listen on port {port} of {host}: {error.strerror}.") from error
    return listener


def reserve(host: str, port: int) -> socket.socket:
    """Reserve a port for processes that share it: they listen on it, this socket does not. Raises CannotRun.

    SO_REUSEADDR is set only for the binding. Without it, connections of an earlier server block the port for a minute.
    With it, another server could bind the reserved address too.
    """
    with bind(host, port) as probe:  # fails if another process uses the port, shared or not
        family, address = probe.family, probe.getsockname()
    reserved = socket.socket(family)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(address)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return reserved


def serve_by_workers(
    listener: socket.socket,
    *,
    workers: int,
    max_requests: int = 0,
    grace_s: float = GRACE_S,
    on_end: Callable[[], None] = _nothing,
) -> None:
    """Start `workers` processes of `manage.py serve`, and restart them until SIGINT or SIGTERM.

    Raises CannotRun if they can't start.
    """
    children = Children()

    def end() -> None:
        on_end()
        children.stop_keeping()

    on_end_signals(end)
    fd = listener.fileno()
    try:
        command = ("serve", f"--listener={fd}", f"--grace={grace_s}", f"--max-requests={max_requests}")
        for place in range(workers):
            limit = first_limit(max_requests, place, workers)
            children.start(*command, fds=[fd], first=[f"--max-requests={limit}"])
        children.keep()
    finally:
        # Before the workers close it: a connection that no worker accepts any more must be refused, not reset later.
        listener.close()
        children.end()
        children.wait(grace_s + END_S)


def first_limit(max_requests: int, place: int, workers: int) -> int:
    """Return the number of requests after which the first worker at `place` (0, 1, ...) is replaced; 0: no limit.

    Workers share the requests about evenly, so with the same limit they would all be replaced at the same time. Their
    first limits are spread evenly instead, and later workers have the whole limit, which keeps the distance.
    """
    return math.ceil(max_requests * (place + 1) / workers)


def serve(
    listener: socket.socket,
    *,
    grace_s: float = GRACE_S,
    max_requests: int = 0,
    on_end: Callable[[], None] = _nothing,
) -> bool:
    """Serve in this process until SIGINT or SIGTERM, then call `on_end` and exit within `grace_s` plus 3 s.

    Returns True if it ended earlier, after `max_requests` or up to a tenth more; 0: no limit.
    """
    config = uvicorn.Config(
        "ecommerce.asgi:application",
        lifespan="on",
        ws=WebSockets,
        log_config=None,
        access_log=False,  # the shop logs requests itself
        server_header=False,
        timeout_graceful_shutdown=grace_s,  # type: ignore[arg-type]  # passed on to asyncio.wait_for
        limit_max_requests=max_requests or None,
        limit_max_requests_jitter=max_requests // 10,  # so that servers that started together do not stay in step
    )
    server = WebServer(config, on_end)
    # uvicorn installs its own handlers later. At its end it restores these, and raises the signal again.
    for number in END_SIGNALS:
        signal.signal(number, server.handle_exit)
    server.run([listener])
    return not server.has_end_signal


class WebServer(uvicorn.Server):
    """uvicorn's server, with a callback at shutdown, which resets no connection."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end
        self.has_end_signal = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.has_end_signal = True
        super().handle_exit(sig, frame)
        self._on_end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept every connection that waits in the listening sockets before the last one is closed."""
        listeners = sockets or []
        copies = [listener.dup() for listener in listeners]  # the kernel resets waiting connections with the last close
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        for _ in range(3):  # uvloop closes its sockets a round later; accepted connections are ready after two
            await asyncio.sleep(0)
        for connection in [connection for copy in copies for connection in _drained(copy)]:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """Make the protocol of a connection, as uvicorn does."""
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _drained(listener: socket.socket) -> list[socket.socket]:
    """Return the connections that wait, and close the listening socket."""
    connections = []
    with listener:
        while True:
            try:
                connections.append(listener.accept()[0])
            except OSError:  # none is left, or a client has left
                return connections


def bound_connections(send: Send, direct: DirectCalls | None) -> None:
    """Apply the shop's connection limits, and its direct calls, to the server that runs this application.

    `send` belongs to the lifespan. Logs a warning if the server is not uvicorn: it has its own limits or none.
    """
    config = config_behind(send)
    if config is None:
        log.warning("The shop's connection limits do not apply to this server: run `python manage.py serve` instead.")
        return
    # uvicorn only calls the class.
    config.http_protocol_class = partial(BoundedHttp, direct=direct)  # type: ignore[assignment]
    config.ws_max_size = MAX_MESSAGE_BYTES
    config.ws_per_message_deflate = False  # messages are short, and each connection would keep a compression window
    if isinstance(config.loaded_app, ProxyHeadersMiddleware):
        if _names_proxies(config):
            config.loaded_app.trusted_hosts = TrustedProxies(config.loaded_app.trusted_hosts)  # type: ignore[assignment]  # has its methods
        else:
            config.loaded_app = config.loaded_app.app


def _names_proxies(config: uvicorn.Config) -> bool:
    """Whether the operator names trusted proxies. The default, this machine, would trust every client on it."""
    return "FORWARDED_ALLOW_IPS" in os.environ or config.forwarded_allow_ips != UVICORN_PROXIES
