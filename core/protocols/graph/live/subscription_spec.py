"""The source of a subscription's events."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from core.feed.async_reader import AsyncFeedReader
from core.feed.inbox import Match
from core.models import Event


class SubscriptionSpec(NamedTuple):
    """The matching events, after a cursor or from now on. The method `subscribe_...` of a field returns it.

    GraphQL executes the operation once for each event, with the event as the root.
    """

    match: Match
    after: str | None = None
    depends_on_role: bool = False  # whether `match` or the results depend on the caller's role

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events."""
        async with await AsyncFeedReader.open(self.match, self.after) as reader:
            async for event in reader:
                yield event
