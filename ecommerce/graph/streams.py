"""Subscriptions as event streams: graphql-sse's "distinct connections mode"."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from rest_framework.request import Request

from ecommerce.callers import Caller
from ecommerce.errors import DomainError, Unavailable
from ecommerce.graph.errors import body_of
from ecommerce.graph.subscriptions import Subscription
from ecommerce.live.events import COMMENT, EventStream, Pieces
from ecommerce.live.following import Following
from ecommerce.rest.views import address_of
from ecommerce.threads import QueueFull


class SubscriptionStream(EventStream):
    """The stream of a subscription; a WebSocket takes the subscription itself. Raises as EventStream does."""

    def __init__(self, request: Request, subscription: Subscription) -> None:
        caller = Caller(request.user, address_of(request), request.auth)
        super().__init__(request._request, caller, self._told, last_words=_last_words)
        self.subscription = subscription

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[Pieces]:
        async with aclosing(self._pieces()) as pieces:
            yield pieces

    async def _pieces(self) -> AsyncIterator[bytes]:
        """Yield what is sent. A refusal among it ends the stream, also when nothing was followed yet."""
        try:
            async with await Following.open(*self.subscription.source) as following:
                yield COMMENT
                while True:
                    for event in await following.take():
                        yield _next(await self.subscription.answer(event), event.cursor)
        except QueueFull as error:
            raise Unavailable("The server is busy", retry_after_s=1) from error


def _next(result: str, cursor: str) -> bytes:
    return f"id: {cursor}\nevent: next\ndata: {result}\n\n".encode()


def last_blocks(result: dict[str, Any]) -> bytes:
    """Write the last result, and that there is none after it."""
    return b"event: next\ndata: " + orjson.dumps(result, default=str) + b"\n\nevent: complete\ndata:\n\n"


def _last_words(refusal: DomainError) -> bytes:
    if isinstance(refusal, Unavailable):  # not complete: the client is to come back
        return f": {refusal.code}: {refusal.message}\n\n".encode()
    return last_blocks(body_of([refusal]))
