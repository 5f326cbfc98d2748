"""WebSockets: text messages in both directions, their limits, and all the ways in which a connection ends.

The close code is 4000 plus the HTTP status of the reason, with four exceptions: 1001 if the server shuts down, 1009 if
a message is too long, 1011 for an internal error, 1013 if the client is too slow.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from functools import partial
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.utils.http import is_same_domain

from core.callers import check_site
from core.errors import DomainError, Forbidden, Unavailable
from core.faults import refusal_for
from core.feed.inbox import SlowReader
from core.protocols.faults import body_of, headers_of
from core.protocols.live.transports import cut_off
from core.server import logs
from core.server.asgi import AsgiMessage, Receive, Scope, Send
from core.server.leases import Lease, on_loop

GOING_AWAY, TOO_LONG, FAULT, TRY_AGAIN = 1001, 1009, 1011, 1013
PRIVATE_CODES = 4000  # the first close code for applications; the HTTP status is added to it
MAX_REASON_BYTES = 123  # RFC 6455, 5.5

log = logging.getLogger(__name__)


class SocketClosed(Exception):
    """The client has disconnected, or this side has closed the connection."""


class CloseSocket(Exception):
    """This side must close the connection, with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


def close_for(refusal: DomainError) -> CloseSocket:
    """Return the close code and the reason for a refusal."""
    match refusal:
        case SlowReader():
            reason = "slow_reader: the client read nothing for too long, resume from the last cursor"
            return CloseSocket(TRY_AGAIN, reason)
        case Unavailable():
            code = GOING_AWAY
        case _:
            code = FAULT if refusal.code == "internal" else PRIVATE_CODES + refusal.status
    return CloseSocket(code, f"{refusal.code}: {refusal.message}")


def is_trusted(origin: str) -> bool:
    """Whether a setting lists an origin. As in Django, `https://*.shop.example` stands for all subdomains."""
    return any(_is_listed(origin, each) for each in (*settings.CSRF_TRUSTED_ORIGINS, *settings.CORS_ALLOWED_ORIGINS))


def _is_listed(origin: str, listed: str) -> bool:
    if "*" not in listed:
        return origin == listed
    pattern = urlsplit(listed)
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == pattern.scheme and is_same_domain(parts.netloc, pattern.netloc.lstrip("*"))


class Socket:
    """One connection. Any exception in the conversation, or in a task that `start` has started, ends it.

    CloseSocket has the close code and the reason; for other exceptions `close_for` returns them. After SocketClosed
    nothing is sent. If the connection is not accepted yet, the client gets an HTTP response with the refusal.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.address: str = (scope.get("client") or ["unknown"])[0]
        self.lease = Lease()  # granted to the caller by the conversation
        self._status = 0  # HTTP status of the refusal, or close code
        self._is_accepted = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    async def run(self, converse: Callable[[], Awaitable[None]]) -> None:
        """Run the conversation until the client, this side or the shutdown ends it; then release all resources."""
        started_at = time.perf_counter()
        with logs.in_request(self.headers.get("x-request-id", ""), "websocket"), closing(self.lease):
            self.lease.on_stall(settings.STREAM_STALL_S, on_loop(partial(self._end_with, SlowReader())))
            self.lease.start(on_loop(self._end_with))
            try:
                await self._receive()  # websocket.connect
                await self._guarded(self._converse_if_allowed(converse))
            finally:
                await self._end_tasks()
                self.log(self._status, time.perf_counter() - started_at)

    async def _converse_if_allowed(self, converse: Callable[[], Awaitable[None]]) -> None:
        self.lease.check()
        self._check_origin()
        await converse()

    def start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run work as a task beside the conversation; it is cancelled when the connection ends."""
        task = self._loop.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except SocketClosed:
            log.debug("The client has disconnected.")
        except Exception as error:  # noqa: BLE001  # the client gets a reason for any exception
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
        """Raise for a request to another host or without TLS, and for a page of another origin.

        Browsers let any page connect. Cookies are ignored on a WebSocket, but such a page could still reach a shop in
        a private network, if the page's user is in that network.
        """
        check_site(self.scope.get("scheme", "ws"), self.headers)
        origin = self.headers.get("origin")
        if origin is None or origin.lower().partition("://")[2] == self.headers.get("host", "").lower():
            return
        if not is_trusted(origin):
            raise Forbidden("Pages of this origin may not connect")

    async def accept(self, subprotocol: str | None = None) -> None:
        await self._send_asgi({"type": "websocket.accept", "subprotocol": subprotocol})
        self._is_accepted = True

    # -- Messages -----------------------------------------------------------------------------------------------
    async def receive(self, max_length: int) -> str | None:
        """Return the next text message; None for a binary message. Raises SocketClosed, CloseSocket."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._status = self._status or message.get("code") or 1005
            raise SocketClosed
        text: str | None = message.get("text")
        if len(text or message.get("bytes") or "") > max_length:
            raise CloseSocket(TOO_LONG, f"A message has at most {max_length} characters")
        return text

    async def send(self, text: str) -> None:
        """Send a text message. Raises SocketClosed, and the reason if the lease has ended."""
        if self._status:
            raise SocketClosed
        self.lease.check()
        with self.lease.sending():
            await self._send_asgi({"type": "websocket.send", "text": text})

    async def _send_asgi(self, message: AsgiMessage) -> None:
        try:
            await self._send(message)
        except OSError as error:  # ASGI's signal that the client has disconnected
            raise SocketClosed from error

    # -- Ending -------------------------------------------------------------------------------------------------
    def _end_with(self, reason: DomainError) -> None:
        self.start(self._fail(reason))

    async def _fail(self, error: Exception) -> None:
        if self._status:
            return
        try:
            async with asyncio.timeout(settings.STREAM_STALL_S):
                if self._is_accepted:
                    await self._close(error if isinstance(error, CloseSocket) else close_for(refusal_for(error)))
                else:
                    await self._refuse(refusal_for(error))
        except SocketClosed:
            log.debug("The client has disconnected.")
        except TimeoutError:
            cut_off(self._send)

    async def _close(self, end: CloseSocket) -> None:
        self._status = end.code
        reason = end.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        await self._send_asgi({"type": "websocket.close", "code": end.code, "reason": reason})

    async def _refuse(self, refusal: DomainError) -> None:
        """Refuse to accept, with the HTTP response that any refused request gets."""
        self._status = refusal.status
        headers = {
            "content-type": "application/json",
            "x-request-id": logs.request_id.get(),
            **headers_of(refusal),
        }
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._send_asgi({"type": "websocket.http.response.start", "status": refusal.status, "headers": encoded})
        await self._send_asgi(
            {"type": "websocket.http.response.body", "body": orjson.dumps(body_of(refusal), default=str)}
        )
