"""The change feed as an event stream."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import lru_cache, partial

from ecommerce.errors import CursorExpired, DomainError
from ecommerce.feed.events import Event
from ecommerce.feed.hub import Match
from ecommerce.live.events import COMMENT, RETRY_MS, Body, Pieces, Source, block, error_block
from ecommerce.live.following import Following
from ecommerce.rest.errors import body_of

Write = Callable[[Event], bytes]  # one event as a block


def feed_source(match: Match, write: Write, after: str | None = None, body: Body = body_of) -> Source:
    """Return the source of a stream that tells what matches, after a cursor or from now on; `body` is of refusals.

    Where the cursor is too old, an event `reset` says so, and the stream goes on from now.
    """
    return partial(_told, match, write, after, body)


@asynccontextmanager
async def _told(match: Match, write: Write, after: str | None, body: Body) -> AsyncIterator[Pieces]:
    telling = _Telling(match, write, body)
    await telling.begin(after)
    try:
        async with aclosing(telling.pieces):
            yield telling
    finally:
        telling.following.close()


class _Telling:
    """One client's way through the feed, in pieces of the stream."""

    following: Following

    def __init__(self, match: Match, write: Write, body: Body) -> None:
        self._match, self._write, self._body = match, write, body
        self.pieces = self._tell()
        self._beginning = b""
        self._told = ""  # the last cursor that the client was told

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.pieces

    def nudge(self) -> None:
        """Have the next piece come soon, if it has nothing to tell."""
        self.following.nudge()

    async def begin(self, after: str | None) -> None:
        try:
            self.following = await Following.open(self._match, after)
        except CursorExpired as refusal:
            await self._begin_anew(refusal)
        else:
            # Told before there is an event: who is cut off before the first takes up from here.
            self._beginning = block(cursor=self.following.cursor, retry_ms=RETRY_MS)

    async def _begin_anew(self, refusal: CursorExpired) -> None:
        self.following = await Following.open(self._match)
        said, cursor = self._body(refusal), self.following.cursor
        self._beginning = block(event="reset", data=said, cursor=cursor, retry_ms=RETRY_MS)

    async def _tell(self) -> AsyncGenerator[bytes, None]:
        yield self._beginning
        while True:
            self._told = self.following.cursor
            try:
                events = await self.following.take()
            except CursorExpired as refusal:
                self.following.close()
                await self._begin_anew(refusal)
                yield self._beginning
            except DomainError as refusal:
                yield error_block(refusal, self.following.cursor, self._body)
                return
            else:
                yield b"".join(_content_of(self._write, event) for event in events) or self._heartbeat()

    def _heartbeat(self) -> bytes:
        """Say that somebody is there, and where the feed has gone on without an event for this client."""
        cursor = self.following.cursor
        return COMMENT if cursor == self._told else COMMENT[:-1] + block(cursor=cursor)


@lru_cache(4096)
def _content_of(write: Write, event: Event) -> bytes:
    # The same for all clients, and made once.
    return write(event)
