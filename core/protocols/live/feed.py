"""The change feed as an event stream."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import lru_cache, partial

from core.errors import CursorExpired, DomainError
from core.feed.async_reader import AsyncFeedReader
from core.feed.inbox import Match
from core.models import Event
from core.protocols.faults import body_of
from core.protocols.live.events import COMMENT, RETRY_MS, Body, OpenPieces, Pieces, block, end_block
from core.server.leases import Lease

Write = Callable[[Event], bytes]  # one event as a block


def feed_pieces(match: Match, write: Write, after: str | None = None, body: Body = body_of) -> OpenPieces:
    """Return the `open_pieces` of an EventStream for the matching events, after a cursor or from now on.

    If the cursor has expired, the stream begins with an event `reset` and continues from now.
    """
    return partial(_opened, match, write, after, body)


@asynccontextmanager
async def _opened(match: Match, write: Write, after: str | None, body: Body, lease: Lease) -> AsyncIterator[Pieces]:
    feed = _FeedPieces(match, write, body, lease)
    await feed.open(after)
    try:
        async with aclosing(feed.pieces):
            yield feed
    finally:
        feed.reader.close()


class _FeedPieces:
    """The feed for one client, as pieces of an event stream."""

    reader: AsyncFeedReader

    def __init__(self, match: Match, write: Write, body: Body, lease: Lease) -> None:
        self._match, self._write, self._body, self._lease = match, write, body, lease
        self.pieces = self._generate()
        self._first_block = b""
        self._sent_cursor = ""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pieces

    def nudge(self) -> None:
        """Make the iteration yield its next piece soon: a heartbeat, if there is no event."""
        self.reader.nudge()

    async def open(self, after: str | None) -> None:
        try:
            self.reader = await AsyncFeedReader.open(self._match, after, self._lease)
        except CursorExpired as refusal:
            await self._reset(refusal)
        else:
            # Sent before any event: a client that is disconnected before the first one resumes from here.
            self._first_block = block(cursor=self.reader.cursor, retry_ms=RETRY_MS)

    async def _reset(self, refusal: CursorExpired) -> None:
        self.reader = await AsyncFeedReader.open(self._match, lease=self._lease)
        body, cursor = self._body(refusal), self.reader.cursor
        self._first_block = block(event="reset", data=body, cursor=cursor, retry_ms=RETRY_MS)

    async def _generate(self) -> AsyncGenerator[bytes, None]:
        yield self._first_block
        while True:
            self._sent_cursor = self.reader.cursor
            try:
                events = await self.reader.take()
            except CursorExpired as refusal:
                self.reader.close()
                await self._reset(refusal)
                yield self._first_block
            except DomainError as refusal:
                yield end_block(refusal, self.reader.cursor, self._body)
                return
            else:
                yield b"".join(_content_of(self._write, event) for event in events) or self._heartbeat()

    def _heartbeat(self) -> bytes:
        """Return a comment, with the new cursor if the feed has advanced without an event for this client."""
        cursor = self.reader.cursor
        return COMMENT if cursor == self._sent_cursor else COMMENT[:-1] + block(cursor=cursor)


@lru_cache(4096)
def _content_of(write: Write, event: Event) -> bytes:
    # The block is the same for all clients: encode it once.
    return write(event)
