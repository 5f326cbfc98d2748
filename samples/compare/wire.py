"""Counts the bytes of connections: of HTTP in httpcore's streams, of native gRPC in a relay before its server."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpcore

BLOCK_BYTES = 64 * 1024
STOP_POLL_S = 0.2


@dataclass
class Traffic:
    """The bytes that a client has sent and received, with all framing and headers."""

    up: int = 0
    down: int = 0


class CountedStream(httpcore.NetworkStream):
    """A connection of httpcore whose bytes are counted."""

    def __init__(self, stream: httpcore.NetworkStream, traffic: Traffic) -> None:
        self._stream, self._traffic = stream, traffic

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part = self._stream.read(max_bytes, timeout)
        self._traffic.down += len(part)
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._traffic.up += len(buffer)
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class CountedConnections(httpcore.NetworkBackend):
    """Opens connections of httpcore and counts their bytes in `traffic`."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic, self._sockets = traffic, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.NetworkStream:
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        stream = self._sockets.connect_tcp(host, port, timeout, local_address, options)
        return CountedStream(stream, self._traffic)


@contextmanager
def relay_to(host: str, port: int, traffic: Traffic) -> Iterator[str]:
    """Relay one connection at a time to a server and count its bytes; yield the address of the relay."""
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_relay, args=(listener, (host, port), traffic, is_over), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            is_over.set()
            thread.join()


def _relay(listener: socket.socket, server: tuple[str, int], traffic: Traffic, is_over: threading.Event) -> None:
    listener.settimeout(STOP_POLL_S)
    while not is_over.is_set():
        with suppress(TimeoutError):
            client, _ = listener.accept()
            with client, socket.create_connection(server) as behind:
                _pass_on(client, behind, traffic, is_over)


def _pass_on(client: socket.socket, server: socket.socket, traffic: Traffic, is_over: threading.Event) -> None:
    while not is_over.is_set():
        for source in select.select([client, server], [], [], STOP_POLL_S)[0]:
            part = source.recv(BLOCK_BYTES)
            if not part:
                return
            if source is client:
                traffic.up += len(part)
                server.sendall(part)
            else:
                traffic.down += len(part)
                client.sendall(part)
