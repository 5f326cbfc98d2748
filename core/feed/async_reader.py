"""The change feed on the event loop."""

import asyncio
from collections import deque
from typing import Any, Self

from core.errors import DomainError
from core.feed.inbox import Match
from core.feed.reader import FeedReader
from core.models import Event
from core.server.leases import Lease, on_loop
from core.server.stream_threads import ask


class AsyncFeedReader:
    """The feed for one stream: past events after a cursor, then new ones, without a gap or a duplicate.

        async with await AsyncFeedReader.open(match, after, lease) as reader:
            async for event in reader: ...

    If the lease ends, `take` and the iteration raise the reason. Use it in one task of one event loop.
    """

    _reader: FeedReader

    def __init__(self, lease: Lease | None = None) -> None:
        self._lease = lease
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._events: deque[Event] = deque()  # taken, but not yielded yet
        self._reading: asyncio.Future[list[Event]] | None = None
        self._is_nudged = False
        self.cursor = ""  # the position up to which all events were taken, matching or not

    @classmethod
    async def open(cls, match: Match, after: str | None = None, lease: Lease | None = None) -> Self:
        """Begin after a cursor, or now. Raises InvalidInput, CursorExpired, Unavailable, QueueFull."""
        reader = cls(lease)
        reader._reader = await ask(FeedReader, match, reader._wake, after, drop=FeedReader.close)
        reader.cursor = reader._reader.cursor
        if lease is not None:
            lease.start(on_loop(reader._end))
        return reader

    async def take(self, idle_s: float | None = None) -> list[Event]:
        """Return the next events, in order; an empty list if there is none within `idle_s`, or after a nudge.

        Raises CursorExpired if the next events were deleted, SlowReader, and the reason if the lease ends.
        """
        if idle_s is None:
            return await self._take()
        try:
            async with asyncio.timeout(idle_s):
                return await self._take()
        except TimeoutError:
            return []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event; wait for it. Raises as `take`."""
        while not self._events:
            self._events.extend(await self.take())
        self._check()
        return self._events.popleft()

    async def _take(self) -> list[Event]:
        while not (events := await self._next()) and not self._is_nudged:
            continue
        self._is_nudged = False
        return events

    def nudge(self) -> None:
        """Make `take` return, even without events. This is cheaper than `idle_s`, which sets a timer for each call."""
        self._is_nudged = True
        self._awake.set()

    async def _next(self) -> list[Event]:
        """Return the available events. If there are none, wait to be woken, and return an empty list."""
        if self._reading is None and self._reader.is_replaying:
            self._reading = asyncio.ensure_future(ask(self._reader.take))
        if self._reading is not None:
            # If cancelled here, the next call gets the result: no event is lost.
            either: list[asyncio.Future[Any]] = [self._reading, self._ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self._check()
            reading, self._reading = self._reading, None
            return self._taken(reading.result())
        self._awake.clear()
        if events := self._taken(self._reader.take()):
            return events
        if not self._reader.is_replaying and not self._is_nudged:
            await self._awake.wait()
        return []

    def _taken(self, events: list[Event]) -> list[Event]:
        self._check()
        # Set here: while a read is in flight, and after the lease has ended, the reader's cursor is ahead.
        self.cursor = self._reader.cursor
        return events

    def _check(self) -> None:
        if self._lease is not None:
            self._lease.check()

    def _end(self, reason: DomainError) -> None:
        """Let `take` raise the reason."""
        if not self._ended.done():
            self._ended.set_result(None)
        self._awake.set()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._awake.set)

    def close(self) -> None:
        self._reader.close()
        if self._reading is not None:
            self._reading.add_done_callback(_forget)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _forget(reading: asyncio.Future[Any]) -> None:
    """Retrieve the exception of an abandoned read, or asyncio would log it as never retrieved."""
    if not reading.cancelled():
        reading.exception()
