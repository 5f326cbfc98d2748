"""Event streams (HTML Standard, 9.2): their format, and the response class for views."""

from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.callers import Caller
from core.errors import DomainError, Unavailable
from core.protocols.faults import body_of
from core.runtime import singleton
from core.server.asgi import Receive, Send
from core.server.bridge.environ import STREAMS
from core.server.bridge.responses import DetachedStream
from core.server.leases import Lease
from core.server.open_calls import OpenCalls

MEDIA_TYPE = "text/event-stream"
RETRY_MS = 2_000  # delay before a client reconnects after a broken connection
COMMENT = b":\n\n"  # the heartbeat

Body = Callable[[DomainError], dict[str, Any]]  # returns the body of a refusal
Pieces = AsyncIterable[bytes]
OpenPieces = Callable[[Lease], AbstractAsyncContextManager[Pieces]]


class EventStream(DetachedStream, HttpResponseBase):
    """A response that needs no thread once the view has returned it.

    `open_pieces(lease)` returns an asynchronous context manager. If entering it raises, the client gets the error
    instead of a stream. Its value iterates over the pieces of the stream, each of whole blocks, and raises when the
    lease ends. If the iteration raises, `closing_message` makes the last piece. An idle client is sent comments. If the
    pieces have a method `nudge`, it is called first, so that they can yield a better heartbeat: one with a new cursor.

    Raises RateLimited if the caller has too many open streams, Unavailable if the server can't serve streams.
    """

    streaming = True
    is_logged_at_its_end = True

    def __init__(
        self,
        request: HttpRequest,
        caller: Caller,
        open_pieces: OpenPieces,
        *,
        closing_message: Callable[[DomainError], bytes] | None = None,
        by_role: bool = False,
    ) -> None:
        headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        HttpResponseBase.__init__(self, headers=headers)
        if STREAMS not in request.META:
            raise Unavailable("This server serves no streams: run ecommerce.asgi")
        singleton(OpenCalls).check()
        self.open_pieces, self.closing_message = open_pieces, closing_message or end_block
        self.lease = Lease()
        self.lease.grant(caller, by_role=by_role, hold=request.META[STREAMS])

    def release(self) -> None:
        self.lease.close()

    async def send_on(self, start: Callable[[], Awaitable[None]], receive: Receive, send: Send, method: str) -> None:
        from core.protocols.live.sender import EventStreamSender  # which imports this module

        await EventStreamSender(self, receive, send, is_head=method == "HEAD").run(start)


def block(*, event: str = "", data: object = None, cursor: str = "", retry_ms: int | None = None) -> bytes:
    """Return one block, with `data` as JSON. If it has no `data`, the client only stores the cursor and the delay."""
    lines = [
        b"retry: %d" % retry_ms if retry_ms is not None else b"",
        b"id: " + cursor.encode() if cursor else b"",
        b"event: " + event.encode() if event else b"",
        b"data: " + orjson.dumps(data) if data is not None else b"",
    ]
    return b"\n".join(filter(None, lines)) + b"\n\n"


def end_block(refusal: DomainError, cursor: str = "", body: Body = body_of) -> bytes:
    """Return the block with the reason why a stream ends; `cursor` is the position up to which all events were sent.

    The event is not called `error`: EventSource dispatches that name to its listeners for broken connections.
    """
    retry_ms = None if refusal.retry_after_s is None else refusal.retry_after_s * 1_000
    return block(event="end", data=body(refusal), cursor=cursor, retry_ms=retry_ms)
