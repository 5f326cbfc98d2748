"""The change feed on the event loop."""

import asyncio
from typing import Any, Self

from ecommerce.feed.events import Event
from ecommerce.feed.hub import Follower, Match
from ecommerce.live.threads import ask


class Following:
    """One stream's way through the feed: what was, from a cursor on, and then what comes, without a seam.

        async with await Following.open(match, after) as following:
            while True:
                for event in await following.take(idle_s=15): ...

    Used by one task of one event loop.
    """

    _follower: Follower

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._reading: asyncio.Future[list[Event]] | None = None
        self._is_nudged = False
        self.cursor = ""  # the place up to which everything was taken, whether it matched or not

    @classmethod
    async def open(cls, match: Match, after: str | None = None) -> Self:
        """Begin after a cursor, or now. Raises InvalidInput, CursorExpired, Unavailable, and QueueFull."""
        following = cls()
        opening = asyncio.ensure_future(ask(Follower, match, following._wake, after))
        try:
            following._follower = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)  # nobody else would
            raise
        following.cursor = following._follower.cursor
        return following

    async def take(self, idle_s: float | None = None) -> list[Event]:
        """Return the next events, in order; none when `idle_s` pass without one, or after a nudge.

        Raises CursorExpired when what comes next is no longer kept, SlowReader, and Unavailable when the server ends.
        """
        if idle_s is None:
            return await self._take()
        try:
            async with asyncio.timeout(idle_s):
                return await self._take()
        except TimeoutError:
            return []

    async def _take(self) -> list[Event]:
        while not (events := await self._next()) and not self._is_nudged:
            continue
        self._is_nudged = False
        return events

    def nudge(self) -> None:
        """Have `take` return, if with nothing: it costs less than a time limit, which is set anew with each event."""
        self._is_nudged = True
        self._awake.set()

    async def _next(self) -> list[Event]:
        """Return what there is, or nothing after a while."""
        if self._reading is None and self._follower.is_replaying:
            self._reading = asyncio.ensure_future(ask(self._follower.take))
        if self._reading is not None:
            await asyncio.wait([self._reading])  # cut off, it is waited for the next time: what is read is taken
            reading, self._reading = self._reading, None
            return self._taken(reading.result())
        self._awake.clear()
        if events := self._taken(self._follower.take()):
            return events
        if not self._follower.is_replaying and not self._is_nudged:
            await self._awake.wait()
        return []

    def _taken(self, events: list[Event]) -> list[Event]:
        self.cursor = self._follower.cursor  # not while a reading is on its way: the follower's is ahead of the caller
        return events

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._awake.set)

    def close(self) -> None:
        self._follower.close()
        if self._reading is not None:
            self._reading.add_done_callback(_forget)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _close(opening: asyncio.Future[Follower]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _forget(reading: asyncio.Future[Any]) -> None:
    """Look at an error that nobody waits for, or asyncio would report it."""
    if not reading.cancelled():
        reading.exception()
