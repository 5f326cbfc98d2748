"""Running the web server: in this process, or in several under this one."""

import errno
import os
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from ecommerce.preflight import CannotRun

GRACE_S = 2  # for requests that run when the server is told to end
END_S = 3  # then a worker that is still there is killed
KEEP_ALIVE_S = 30
BACKLOG = 2048
MAX_HEAD_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # of a WebSocket: a protocol refuses with a reason what is longer than it reads


def parse_address(text: str) -> tuple[str, int]:
    """Split `HOST:PORT`, `[IPV6]:PORT`. Raises CannotRun."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise CannotRun(f"{text!r} is no address: write HOST:PORT, as in 127.0.0.1:8000.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def written(host: str, port: int) -> str:
    """Join what `parse_address` splits."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Take the port, so that nobody else can; what connects waits until it is served. Raises CannotRun."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except socket.gaierror as error:
        raise CannotRun(f"{host} is no address of this machine: {error.strerror}.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotRun(f"Port {port} of {host} is taken: end what listens there, or name another.") from error
        raise CannotRun(f"Can't listen on port {port} of {host}: {error.strerror}.") from error
    return listener


def reserve(host: str, port: int) -> socket.socket:
    """Keep a port for processes that are to share it: they listen there, and this socket does not. Raises CannotRun."""
    with listen(host, port) as probe:  # takes no port that anybody else has, shared or not
        family, address = probe.family, probe.getsockname()
    place = socket.socket(family)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind(address)
    return place


def serve(listener: socket.socket, *, workers: int, on_end: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM, then call `on_end` and end within 5 s."""
    config = uvicorn.Config(
        "ecommerce.asgi:application",
        lifespan="on",
        http=BoundedHead,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # messages are short, and each connection would keep a window of its own
        workers=workers,
        log_config=None,
        access_log=False,  # the shop writes its own line
        server_header=False,
        # Only where proxies are named: a client could forge its address.
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    if workers > 1:
        Supervisor(config, [listener], on_end).run()
        return
    # The server raises the signal once more when it has ended, for whoever handled it before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    Server(config, on_end).run([listener])


class Server(uvicorn.Server):
    """uvicorn's server, which tells others when it is told to end."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end = on_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._on_end()


class BoundedHead(HttpToolsProtocol):
    """uvicorn's HTTP, which keeps a request line and headers of any length; this one keeps `MAX_HEAD_BYTES`."""

    _is_in_head = True
    _head_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_head = True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request line and headers are too long.")


class Supervisor(Multiprocess):
    """uvicorn's supervisor, which waits for its workers for ever; this one does not, and tells others when it ends."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], on_end: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._on_end = on_end

    def terminate_all(self) -> None:
        self._on_end()
        super().terminate_all()

    def join_all(self) -> None:
        deadline = time.monotonic() + END_S
        for worker in self.processes:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.kill()
                worker.process.join()
