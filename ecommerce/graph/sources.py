"""What a subscription follows."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from ecommerce.feed.events import Event
from ecommerce.feed.hub import Match
from ecommerce.live.following import Following


class Source(NamedTuple):
    """The events that match, after a cursor or from now on; what `subscribe_...` of a subscription's field returns.

    GraphQL executes the operation once for each event, which is then the root.
    """

    match: Match
    after: str | None = None

    async def __aiter__(self) -> AsyncIterator[Event]:  # type: ignore[override]
        async with await Following.open(self.match, self.after) as following:
            while True:
                for event in await following.take():
                    yield event
