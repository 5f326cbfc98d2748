"""The event loop's side of an event stream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from django.conf import settings

from ecommerce.callers import TokenExpired
from ecommerce.live.ending import ending
from ecommerce.live.events import COMMENT, EventStream, Pieces
from ecommerce.live.refusals import refusal_of
from ecommerce.live.rounds import rounds
from ecommerce.live.transports import cut_off

FAREWELL_S = 1  # for a client to take why the stream ends, when the server does
log = logging.getLogger(__name__)


class EventSender:
    """Sends one stream until it ends, the client leaves or is too slow, the token expires, or the server ends."""

    def __init__(
        self, stream: EventStream, receive: Callable[..., Any], send: Callable[..., Any], *, is_head: bool = False
    ) -> None:
        self.stream, self._receive, self._asgi_send, self.is_head = stream, receive, send, is_head
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._sending_since: float | None = None
        self._sent_at = self._loop.time()
        self._nudge: Callable[[], object] | None = None
        self._nudged_at = 0.0
        self._is_finished = False
        self._comment: asyncio.Task[None] | None = None

    async def run(self, start: Callable[[], Awaitable[None]]) -> None:
        """Open the stream, have `start` send the head, and send the rest. Raises what keeps it from being opened."""
        try:
            async with AsyncExitStack() as stack:
                stack.enter_context(ending.told_to(self._hurry))
                pieces = await self._opened(stack)
                await start()
                if self.is_head:
                    await self._send(b"", more=False)
                else:
                    stack.enter_context(rounds.including(self))
                    await self._send_all(pieces)
        finally:
            self.stream.release()

    async def _opened(self, stack: AsyncExitStack) -> Pieces:
        try:
            pieces = await stack.enter_async_context(self.stream.source())
        except Exception as error:
            raise refusal_of(error) from error
        ending.check()  # it may have begun meanwhile
        return pieces

    async def _send_all(self, pieces: Pieces) -> None:
        """Tell the client all there is while it is there."""
        self._nudge = getattr(pieces, "nudge", None)
        telling = self._loop.create_task(self._tell(pieces))
        try:
            while (await self._receive())["type"] != "http.disconnect":  # it comes after the last piece, too
                continue
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self, pieces: Pieces) -> None:
        """Send the pieces, and why there are no more."""
        try:
            await self._send(await self._told(pieces), more=False)
        except Exception:
            log.exception("A stream could not be ended in order")
            self._cut_off()

    async def _told(self, pieces: Pieces) -> bytes:
        """Send the pieces, and return the last words."""
        try:
            async with asyncio.timeout(self.stream.caller.seconds_left) as lifetime:
                async for piece in pieces:
                    await self._send(piece)
        except Exception as error:  # noqa: BLE001  # the head is sent: the stream itself must say it
            return self.stream.last_words(TokenExpired() if lifetime.expired() else refusal_of(error))
        return b""

    async def _send(self, piece: bytes, *, more: bool = True) -> None:
        self._sending_since = self._sent_at = self._loop.time()
        self._is_finished = not more
        try:
            await self._asgi_send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._sending_since = None

    # -- What is due ------------------------------------------------------------------------------------------------
    def look(self, now: float) -> None:
        """Cut off a client that takes nothing, and let one that was told nothing hear that somebody is there."""
        if self._sending_since is not None:
            if now - self._sending_since > settings.STREAM_STALL_S:
                self._give_up()
        elif now - self._sent_at > settings.STREAM_HEARTBEAT_S:
            self._break_silence(now)

    def _break_silence(self, now: float) -> None:
        if self._nudge is not None and self._nudged_at <= self._sent_at:
            self._nudged_at = now
            self._nudge()
        else:  # there is nobody to nudge, or the nudge has brought nothing
            self._comment = self._loop.create_task(self._say_something())

    async def _say_something(self) -> None:
        if not self._is_finished:
            await self._send(COMMENT)

    def _hurry(self) -> None:
        """Leave a client that takes nothing little time, now that the server ends."""
        self._loop.call_later(FAREWELL_S, self._leave_behind)

    def _leave_behind(self) -> None:
        if self._sending_since is not None:
            self._give_up()

    def _give_up(self) -> None:
        log.info("slow_reader: the client took nothing, and is cut off")
        self._sending_since = None
        self._cut_off()

    def _cut_off(self) -> None:
        if not cut_off(self._asgi_send) and self._task is not None:
            self._task.cancel()
