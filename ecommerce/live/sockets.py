"""WebSockets: texts both ways, within bounds, and every way that one ends.

The codes that this shop closes with are 4000 and the status that HTTP has for the reason, but for these: 1001 says that
the server ends, 1009 that a message was too long, 1011 that the shop is at fault, 1013 that the client was too slow.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import ExitStack
from typing import Any

from django.conf import settings

from ecommerce import logs
from ecommerce.callers import Caller, TokenExpired, check_site
from ecommerce.errors import DomainError, Forbidden, Unavailable
from ecommerce.feed.hub import SlowReader
from ecommerce.live.ending import ended, ending
from ecommerce.live.refusals import refusal_of
from ecommerce.live.transports import cut_off
from ecommerce.rest.errors import body_of, headers_of
from ecommerce.rest.renderers import JSONRenderer

GOING_AWAY, TOO_LONG, FAULT, TRY_AGAIN = 1001, 1009, 1011, 1013
OWN = 4000
MAX_REASON_BYTES = 123  # RFC 6455, 5.5

log = logging.getLogger(__name__)


class Over(Exception):
    """Nothing more comes from the client, and nothing reaches it."""


class Hangup(Exception):
    """This side ends the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


def hangup_for(refusal: DomainError) -> Hangup:
    """Return how a connection ends that can't go on."""
    match refusal:
        case SlowReader():
            return Hangup(TRY_AGAIN, "slow_reader: nothing was taken for too long, go on from the last cursor")
        case Unavailable():
            code = GOING_AWAY
        case _:
            code = FAULT if refusal.code == "internal" else OWN + refusal.status
    return Hangup(code, f"{refusal.code}: {refusal.message}")


async def expire(caller: Caller) -> None:
    """Wait until the caller's token is past its end, where there is one. Raises TokenExpired."""
    if caller.seconds_left is not None:
        await asyncio.sleep(caller.seconds_left)
        raise TokenExpired()


class Socket:
    """One connection. What a conversation, or work beside it, raises ends it: Over in silence, Hangup as it says, any
    other error by its code; or it is refused as a request is, when it was not accepted yet.
    """

    def __init__(self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.address: str = (scope.get("client") or ["unknown"])[0]
        self.at_end = ExitStack()
        self._status = 0  # how it was refused or closed
        self._is_accepted = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    async def run(self, converse: Callable[[], Awaitable[None]]) -> None:
        """Converse until one of the two sides, or the server, ends it. Nothing of it is left then."""
        started_at = time.perf_counter()
        with logs.named(self.headers.get("x-request-id", "")), self.at_end:
            try:
                await self._receive()  # the client's wish to connect
                await self._guarded(self._until_over(converse))
            finally:
                await self._end_tasks()
                self.log(self._status, time.perf_counter() - started_at)

    async def _until_over(self, converse: Callable[[], Awaitable[None]]) -> None:
        self.at_end.enter_context(ending.told_to(lambda: self.start(self._fail(ended()))))
        self._check_origin()
        await converse()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have some work done beside the conversation, to the end of the connection at most."""
        task = self._loop.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Over:
            log.debug("The client left.")
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told
            await self._fail(error)

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def log(self, status: int, seconds: float) -> None:
        logs.write_line(method="WS", path=self.scope["path"], status=status, seconds=seconds, address=self.address)

    # -- Opening ------------------------------------------------------------------------------------------------
    def _check_origin(self) -> None:
        """Raise for what is not of this site, and for a page of another: browsers ask nobody before they connect.

        No cookie counts on a WebSocket; still, such a page would reach a shop that only its reader's network reaches.
        """
        check_site(self.scope.get("scheme", "ws"), self.headers)
        origin = self.headers.get("origin")
        is_ours = origin is None or origin.lower().partition("://")[2] == self.headers.get("host", "").lower()
        if not is_ours and origin not in settings.CSRF_TRUSTED_ORIGINS:
            raise Forbidden("Pages of this origin may not connect")

    async def accept(self, subprotocol: str | None = None) -> None:
        await self._out({"type": "websocket.accept", "subprotocol": subprotocol})
        self._is_accepted = True

    # -- Texts --------------------------------------------------------------------------------------------------
    async def receive(self, max_length: int) -> str | None:
        """Return the next text; None for a message that is none. Raises Over."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._status = self._status or message.get("code") or 1005
            raise Over
        text: str | None = message.get("text")
        if len(text or message.get("bytes") or "") > max_length:
            raise Hangup(TOO_LONG, f"A message has at most {max_length} characters")
        return text

    async def send(self, text: str) -> None:
        """Send a text. Raises Over, and Hangup when the client takes nothing for STREAM_STALL_S."""
        if self._status:
            raise Over
        try:
            async with asyncio.timeout(settings.STREAM_STALL_S):
                await self._out({"type": "websocket.send", "text": text})
        except TimeoutError as error:
            raise hangup_for(SlowReader()) from error

    async def _out(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError as error:  # ASGI's way to say that the client has left
            raise Over from error

    # -- Ending -------------------------------------------------------------------------------------------------
    async def _fail(self, error: Exception) -> None:
        if self._status:
            return
        try:
            async with asyncio.timeout(settings.STREAM_STALL_S):
                if self._is_accepted:
                    await self._close(error if isinstance(error, Hangup) else hangup_for(refusal_of(error)))
                else:
                    await self._refuse(refusal_of(error))
        except Over:
            log.debug("The client left.")
        except TimeoutError:
            cut_off(self._send)

    async def _close(self, end: Hangup) -> None:
        self._status = end.code
        reason = end.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        await self._out({"type": "websocket.close", "code": end.code, "reason": reason})

    async def _refuse(self, refusal: DomainError) -> None:
        """Answer the wish to connect as any request is refused."""
        self._status = refusal.status
        headers = {
            "content-type": JSONRenderer.media_type,
            "x-request-id": logs.request_id.get(),
            **headers_of(refusal),
        }
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._out({"type": "websocket.http.response.start", "status": refusal.status, "headers": encoded})
        await self._out({"type": "websocket.http.response.body", "body": JSONRenderer().render(body_of(refusal))})
