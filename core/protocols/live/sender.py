"""Sending an event stream on the event loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from django.conf import settings

from core.faults import refusal_for
from core.protocols.live.events import COMMENT, EventStream, Pieces
from core.protocols.live.transports import cut_off
from core.server.asgi import Receive, Send
from core.server.leases import on_loop

LAST_MESSAGE_S = 1  # time for a client to read the piece in flight when the server shuts down
log = logging.getLogger(__name__)


class EventStreamSender:
    """Sends one stream until it ends, the client leaves or is too slow, or its lease ends."""

    def __init__(self, stream: EventStream, receive: Receive, send: Send, *, is_head: bool = False) -> None:
        self.stream, self._receive, self._asgi_send, self.is_head = stream, receive, send, is_head
        self._lease, self._loop = stream.lease, asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._nudge: Callable[[], object] | None = None
        self._nudged_at = 0.0
        self._is_finished = False
        self._comment: asyncio.Task[None] | None = None

    async def run(self, start: Callable[[], Awaitable[None]]) -> None:
        """Open the stream, call `start` to send the headers, then send the pieces. Raises if it can't be opened."""
        try:
            async with AsyncExitStack() as stack:
                pieces = await self._open(stack)
                await start()
                if self.is_head:
                    await self._send(b"", more=False)
                else:
                    await self._send_all(pieces)
        finally:
            self.stream.release()

    async def _open(self, stack: AsyncExitStack) -> Pieces:
        try:
            pieces = await stack.enter_async_context(self.stream.open_pieces(self._lease))
        except Exception as error:
            raise refusal_for(error) from error
        self._lease.check()  # the lease may have ended meanwhile
        return pieces

    async def _send_all(self, pieces: Pieces) -> None:
        """Send the pieces until the client disconnects."""
        self._nudge = getattr(pieces, "nudge", None)
        self._lease.on_stall(
            settings.STREAM_STALL_S, on_loop(self._disconnect_slow_client), last_message_s=LAST_MESSAGE_S
        )
        self._lease.on_silence(settings.STREAM_HEARTBEAT_S, on_loop(self._send_heartbeat))
        sending = self._loop.create_task(self._send_pieces(pieces))
        try:
            while (await self._receive())["type"] != "http.disconnect":  # ASGI sends it after the last piece too
                continue
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send_pieces(self, pieces: Pieces) -> None:
        """Send the pieces, and then the closing message, if there is one."""
        try:
            await self._send(await self._send_until_end(pieces), more=False)
        except Exception:
            log.exception("A stream could not be ended normally")
            self._cut_off()

    async def _send_until_end(self, pieces: Pieces) -> bytes:
        """Send the pieces, and return the closing message."""
        try:
            async for piece in pieces:
                await self._send(piece)
        except Exception as error:  # noqa: BLE001  # the headers are sent: the reason must be in the stream
            return self.stream.closing_message(refusal_for(error))
        return b""

    async def _send(self, piece: bytes, *, more: bool = True) -> None:
        self._is_finished = not more
        with self._lease.sending():
            await self._asgi_send({"type": "http.response.body", "body": piece, "more_body": more})

    def _send_heartbeat(self) -> None:
        if self._nudge is not None and self._nudged_at <= self._lease.sent_at:
            self._nudged_at = time.monotonic()
            self._nudge()
        else:  # the pieces have no `nudge`, or no piece came after it
            self._comment = self._loop.create_task(self._send_comment())

    async def _send_comment(self) -> None:
        if not self._is_finished:
            await self._send(COMMENT)

    def _disconnect_slow_client(self) -> None:
        log.info("slow_reader: the client has not read for too long and is disconnected")
        self._cut_off()

    def _cut_off(self) -> None:
        if not cut_off(self._asgi_send) and self._task is not None:
            self._task.cancel()
