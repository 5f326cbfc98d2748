"""Subscriptions as event streams, in graphql-sse's "distinct connections mode"."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from rest_framework.request import Request

from core.errors import DomainError, Unavailable
from core.feed.async_reader import AsyncFeedReader
from core.protocols.graph.errors import graphql_body
from core.protocols.graph.live.subscriptions import Subscription
from core.protocols.live.events import COMMENT, EventStream, Pieces
from core.rest_framework_internals import django_request
from core.server.leases import Lease


class SubscriptionStream(EventStream):
    """The stream of a subscription. A WebSocket uses only its subscription and its reader.

    Raises as EventStream does.
    """

    def __init__(self, request: Request, subscription: Subscription) -> None:
        by_role = subscription.spec.depends_on_role
        super().__init__(
            django_request(request),
            subscription.caller,
            self._opened,
            closing_message=_closing_message,
            by_role=by_role,
        )
        self.subscription = subscription

    async def open_reader(self) -> AsyncFeedReader:
        """Subscribe to the events. Raises as `AsyncFeedReader.open` does."""
        return await AsyncFeedReader.open(self.subscription.spec.match, self.subscription.spec.after, self.lease)

    @asynccontextmanager
    async def _opened(self, lease: Lease) -> AsyncIterator[Pieces]:
        async with aclosing(self._pieces()) as pieces:
            yield pieces

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the pieces of the body. A refusal ends the stream, even if it comes before the first event."""
        async with await self.open_reader() as reader:
            yield COMMENT
            async for event in reader:
                yield _next(await self.subscription.answer(event), event.cursor)


def _next(result: str, cursor: str) -> bytes:
    return f"id: {cursor}\nevent: next\ndata: {result}\n\n".encode()


def last_blocks(result: dict[str, Any]) -> bytes:
    """Return the event `next` with the last result, and the event `complete`."""
    return b"event: next\ndata: " + orjson.dumps(result, default=str) + b"\n\nevent: complete\ndata:\n\n"


def _closing_message(refusal: DomainError) -> bytes:
    if isinstance(refusal, Unavailable):  # without the event `complete`, so that the client reconnects
        return f": {refusal.code}: {refusal.message}\n\n".encode()
    return last_blocks(graphql_body([refusal]))
