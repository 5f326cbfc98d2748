"""Responses of a WSGI application, ready to be sent by the event loop."""

from collections.abc import Awaitable, Callable, Iterable
from typing import IO, NamedTuple

from core.server.asgi import Receive, Send

Headers = list[tuple[bytes, bytes]]

FILE_BLOCK_BYTES = 256 * 1024
_WITHOUT_BODY = frozenset((204, 304))  # RFC 9110, 15.3.5 and 15.4.5


class FileWrapper:
    """`wsgi.file_wrapper`: passes the file itself to the event loop, which sends it without holding a thread."""

    def __init__(self, file: IO[bytes], block_size: int = 0) -> None:
        self.file = file

    def read(self) -> bytes:
        return self.file.read(FILE_BLOCK_BYTES)

    def close(self) -> None:
        self.file.close()


class DetachedStream:
    """The base of a response that needs no thread any more: an event stream, which the event loop sends."""

    def release(self) -> None:
        """Release the resources of a response that is not sent."""
        raise NotImplementedError

    async def send_on(self, start: Callable[[], Awaitable[None]], receive: Receive, send: Send, method: str) -> None:
        """Call `start` to send the head, then send the rest until the stream or the connection ends."""
        raise NotImplementedError


class WsgiResponse(NamedTuple):
    """A response made on a thread: `body` is the whole body, or its first chunk if `rest` has the others."""

    status: int
    headers: Headers
    body: bytes
    rest: FileWrapper | DetachedStream | None = None


def drop(response: WsgiResponse | None) -> None:
    """Release the resources of a response that is not sent."""
    rest = response.rest if response is not None else None
    if isinstance(rest, DetachedStream):
        rest.release()
    elif rest is not None:
        rest.close()


def encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def whole_response(status: int, headers: Headers, body: bytes) -> WsgiResponse:
    if status in _WITHOUT_BODY:
        return WsgiResponse(status, [header for header in headers if header[0] != b"content-length"], b"")
    if b"content-length" not in dict(headers):
        headers.append((b"content-length", b"%d" % len(body)))
    return WsgiResponse(status, headers, body)


def file_response(status: int, headers: Headers, wrapper: FileWrapper) -> WsgiResponse:
    """Read the first block, which is usually the whole file. Other blocks are read while the response is sent."""
    is_whole = True
    try:
        first = wrapper.read()
        is_whole = len(first) < FILE_BLOCK_BYTES
    finally:
        if is_whole:
            wrapper.close()
    return WsgiResponse(status, headers, first, None if is_whole else wrapper)
