"""Receivers inside the test process, which answer to the byte what a test says."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Act = Callable[[socket.socket], None]


class Server:
    """Takes connections on loopback, and does `act` with each on a thread, once a request has come."""

    def __init__(self, act: Act, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.act, self.context = act, context
        self.requests: list[bytes] = []
        self.connections = 0
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # the test is over
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self.context.wrap_socket(connection, server_side=True) if self.context else connection as channel:
                while request := self._request(channel):
                    self.requests.append(request)
                    self.act(channel)
        except OSError:
            return  # the client went

    @staticmethod
    def _request(channel: socket.socket) -> bytes:
        """Read a request with its body; nothing when the client has closed."""
        request = b""
        while b"\r\n\r\n" not in request:
            if not (part := channel.recv(65_536)):
                return b""
            request += part
        head, _, body = request.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields.get(b"content-length", 0)):
            body += channel.recv(65_536)
        return head + b"\r\n\r\n" + body


@contextmanager
def server(act: Act | bytes, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Server]:
    """Answer every request by `act`: bytes to send, or what to do with the connection."""
    running = Server((lambda channel: channel.sendall(act)) if isinstance(act, bytes) else act, context, host)
    try:
        yield running
    finally:
        running.listener.close()


def answer(status: str, *fields: str, body: bytes = b"") -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields))
    return head.encode() + b"\r\n\r\n" + body
