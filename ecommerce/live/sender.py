"""The event loop's side of an event stream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from django.conf import settings

from ecommerce.callers import TokenExpired
from ecommerce.errors import DomainError, Unavailable
from ecommerce.live.ending import ending
from ecommerce.live.events import COMMENT, EventStream, Pieces
from ecommerce.live.transports import cut_off
from ecommerce.rest.errors import as_domain_error
from ecommerce.threads import QueueFull

BUSY_RETRY_S = 1
FAREWELL_S = 1  # for a client to take why the stream ends, when the server does
log = logging.getLogger(__name__)


class Stalled(Exception):
    """The client has taken nothing for STREAM_STALL_S."""


class EventSender:
    """Sends one stream until it ends, the client leaves or is too slow, the token expires, or the server ends."""

    def __init__(
        self, stream: EventStream, receive: Callable[..., Any], send: Callable[..., Any], *, is_head: bool = False
    ) -> None:
        self.stream, self._receive, self._asgi_send, self.is_head = stream, receive, send, is_head
        self._loop = asyncio.get_running_loop()
        self._is_sending = False
        self._sent_at = self._loop.time()

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
                    await self._send_all(pieces)
        finally:
            self.stream.release()

    async def _opened(self, stack: AsyncExitStack) -> Pieces:
        try:
            pieces = await stack.enter_async_context(self.stream.source())
        except Exception as error:
            raise _refusal_of(error) from error
        ending.check()  # it may have begun meanwhile
        return pieces

    def _hurry(self) -> None:
        """Leave a client that takes nothing little time, now that the server ends."""
        self._loop.call_later(FAREWELL_S, self._leave_behind)

    def _leave_behind(self) -> None:
        if self._is_sending:
            cut_off(self._asgi_send)

    async def _send_all(self, pieces: Pieces) -> None:
        telling = self._loop.create_task(self._tell(pieces))
        try:
            await self._attend(telling)
        except Stalled:
            log.info("slow_reader: the client took nothing, and was cut off")
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _attend(self, telling: asyncio.Task[None]) -> None:
        """Wait until the client has left or has been told all; meanwhile it always hears something."""
        while not telling.done():
            quiet_until = self._sent_at + settings.STREAM_HEARTBEAT_S
            try:
                async with asyncio.timeout_at(quiet_until):
                    if (await self._receive())["type"] == "http.disconnect":  # it comes after the last piece, too
                        return
            except TimeoutError:
                if not self._is_sending and self._sent_at + settings.STREAM_HEARTBEAT_S <= quiet_until:
                    await self._send(COMMENT)

    async def _tell(self, pieces: Pieces) -> None:
        """Send the pieces, and why there are no more."""
        try:
            await self._send(await self._told(pieces), more=False)
        except Stalled:
            log.info("slow_reader: the client took nothing, and was cut off")

    async def _told(self, pieces: Pieces) -> bytes:
        """Send the pieces, and return the last words."""
        try:
            async with asyncio.timeout(self.stream.caller.seconds_left) as lifetime:
                async for piece in pieces:
                    await self._send(piece)
        except Stalled:
            raise
        except Exception as error:  # noqa: BLE001  # the head is sent: the stream itself must say it
            return self.stream.last_words(TokenExpired() if lifetime.expired() else _refusal_of(error))
        return b""

    async def _send(self, piece: bytes, *, more: bool = True) -> None:
        """Send a piece. Raises Stalled, and the connection is gone, when the client takes nothing for too long."""
        self._is_sending, self._sent_at = True, self._loop.time()
        try:
            async with asyncio.timeout(settings.STREAM_STALL_S):
                await self._asgi_send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError as error:
            cut_off(self._asgi_send)
            raise Stalled from error
        finally:
            self._is_sending = False


def _refusal_of(error: Exception) -> DomainError:
    if isinstance(error, QueueFull):
        return Unavailable("The server is busy", retry_after_s=BUSY_RETRY_S)
    refusal = as_domain_error(error)
    if refusal is None:
        log.error("A stream failed", exc_info=error)
    return refusal or DomainError()
