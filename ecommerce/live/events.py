"""Event streams (HTML Standard, 9.2): how they are written, and the view's answer that goes on as one."""

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ecommerce.callers import Caller
from ecommerce.errors import DomainError, Unavailable
from ecommerce.live.ending import ending
from ecommerce.rest.errors import body_of

MEDIA_TYPE = "text/event-stream"
RETRY_MS = 2_000  # after which a client whose connection broke comes back
COMMENT = b":\n\n"  # says that somebody is there
STREAMS = "ecommerce.streams"  # in the environ, where whoever runs the application can go on with a stream: its Hold

Hold = Callable[..., Callable[[], None]]  # counts a stream of a caller, as `limits.hold_stream`
Body = Callable[[DomainError], dict[str, Any]]  # what is said of a refusal
Pieces = AsyncIterable[bytes]
Source = Callable[[], AbstractAsyncContextManager[Pieces]]


class EventStream(HttpResponseBase):
    """Goes on without a thread when the view has returned it.

    `source()` is entered on the event loop; what that raises is answered in the place of the stream. It yields pieces
    of the stream, each of whole lines. A DomainError among them is the stream's end, which `last_words` writes. Who
    waits for long is sent comments, unless the pieces have a `nudge()` that brings more than one.
        Raises RateLimited when the caller holds too many streams, Unavailable where nothing can stream.
    """

    streaming = True
    is_logged_at_its_end = True

    def __init__(
        self,
        request: HttpRequest,
        caller: Caller,
        source: Source,
        *,
        last_words: Callable[[DomainError], bytes] | None = None,
    ) -> None:
        headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(headers=headers)
        if STREAMS not in request.META:
            raise Unavailable("This server serves no streams: run ecommerce.asgi")
        ending.check()
        self.caller, self.source = caller, source
        self.last_words = last_words or error_block
        self.release = request.META[STREAMS](user_id=caller.user.pk, address=caller.address)


def block(*, event: str = "", data: Any = None, cursor: str = "", retry_ms: int | None = None) -> bytes:
    """Write one block: `data` as JSON. Without `data` it tells a client what to keep, and no more."""
    lines = [
        b"retry: %d" % retry_ms if retry_ms is not None else b"",
        b"id: " + cursor.encode() if cursor else b"",
        b"event: " + event.encode() if event else b"",
        b"data: " + orjson.dumps(data) if data is not None else b"",
    ]
    return b"\n".join(filter(None, lines)) + b"\n\n"


def error_block(refusal: DomainError, cursor: str = "", body: Body = body_of) -> bytes:
    """Write why a stream ends; with a cursor, the place up to which it has told everything."""
    retry_ms = None if refusal.retry_after_s is None else refusal.retry_after_s * 1_000
    return block(event="error", data=body(refusal), cursor=cursor, retry_ms=retry_ms)
