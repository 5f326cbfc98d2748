"""What a WSGI application answered, as the event loop sends it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ecommerce.live.events import EventStream

Headers = list[tuple[bytes, bytes]]

FILE_BLOCK_BYTES = 256 * 1024
_WITHOUT_BODY = frozenset((204, 304))  # RFC 9110, 15.3.5 and 15.4.5


class FileWrapper:
    """`wsgi.file_wrapper`: hands the file itself to the event loop, which sends it without holding a thread."""

    def __init__(self, file: Any, block_size: int = 0) -> None:
        self.file = file

    def read(self) -> bytes:
        return self.file.read(FILE_BLOCK_BYTES)

    def close(self) -> None:
        self.file.close()


class Answer(NamedTuple):
    """What a thread made: the whole body, or its beginning and the file or the stream that goes on with it."""

    status: int
    headers: Headers
    body: bytes
    rest: FileWrapper | EventStream | None = None


def encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def whole(status: int, headers: Headers, body: bytes) -> Answer:
    if status in _WITHOUT_BODY:
        return Answer(status, [header for header in headers if header[0] != b"content-length"], b"")
    if not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(body)))
    return Answer(status, headers, body)


def of_file(status: int, headers: Headers, wrapper: FileWrapper) -> Answer:
    """Read what is most often the whole file; what is left is read while it is sent."""
    is_whole = True
    try:
        first = wrapper.read()
        is_whole = len(first) < FILE_BLOCK_BYTES
    finally:
        if is_whole:
            wrapper.close()
    return Answer(status, headers, first, None if is_whole else wrapper)
