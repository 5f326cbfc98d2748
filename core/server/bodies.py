"""Reads the body of an HTTP request on the event loop."""

import asyncio
import logging
from typing import Any, cast

from django.conf import settings

from core.errors import InvalidInput, TooLarge
from core.server.asgi import AsgiMessage, Receive, Scope

LINGER_S = 2  # for a client that still sends its body, after the response
log = logging.getLogger(__name__)
_HEADERS = frozenset((b"content-length", b"transfer-encoding"))


class ClientGone(Exception):
    """The client no longer waits for the response, or does not receive it.

    It cancelled the call, disconnected, or its deadline has passed.
    """


class Body:
    """The body of one request; `scope` has its headers."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self.is_left_unread = False

    async def read(self) -> bytes:
        """Return the body. Raises TooLarge as soon as it exceeds the limit, InvalidInput if it arrives too late."""
        names = {name: value for name, value in self._scope["headers"] if name in _HEADERS}
        if not names and self._scope.get("http_version", "1.1").startswith("1"):
            return b""
        # A timer, which costs a request less than `asyncio.timeout`.
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        timer = task.get_loop().call_later(settings.BODY_TIMEOUT_S, self._time_out, task)
        try:
            return await self._read_up_to(settings.MAX_BODY_BYTES, int(names.get(b"content-length", 0)))
        except asyncio.CancelledError:
            if not self.is_left_unread or task.uncancel():  # not by the timer, or not by it alone
                raise
            raise InvalidInput(f"The body did not arrive within {settings.BODY_TIMEOUT_S} s") from None
        finally:
            timer.cancel()

    def _time_out(self, task: asyncio.Task[Any]) -> None:
        self.is_left_unread = True
        task.cancel()

    async def _read_up_to(self, limit: int, announced: int) -> bytes:
        body, more = bytearray(), True
        while more and announced <= limit and len(body) <= limit:
            message = await self._next()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if more or len(body) > limit:
            self.is_left_unread = True
            raise TooLarge(f"Body max is {limit} bytes")
        return bytes(body)

    async def linger(self) -> None:
        """Discard the rest of the body for at most LINGER_S, after the response and before the connection is closed."""
        # Closing a connection with unread data resets it: a client that still sends would never see the response.
        try:
            async with asyncio.timeout(LINGER_S):
                while (await self._next()).get("more_body", False):
                    continue
        except (TimeoutError, ClientGone):
            log.debug("The client was still sending, or has disconnected.")

    async def _next(self) -> AsgiMessage:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message
