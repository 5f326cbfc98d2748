"""The body of an HTTP request, as the event loop takes it off the client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any

from django.conf import settings

from ecommerce.errors import InvalidInput, TooLarge

Scope = MutableMapping[str, Any]

LINGER_S = 2
log = logging.getLogger(__name__)
_HEADERS = frozenset((b"content-length", b"transfer-encoding"))


class ClientGone(Exception):
    """Nobody waits for the answer any more, or nobody takes it."""


class Body:
    """The body of one request, whose headers are in `scope`."""

    def __init__(self, scope: Scope, receive: Callable[..., Any]) -> None:
        self._scope, self._receive = scope, receive
        self.is_left_unread = False

    async def read(self) -> bytes:
        """Return the body. Raises TooLarge before it holds more than the limit, InvalidInput when it stalls."""
        names = {name: value for name, value in self._scope["headers"] if name in _HEADERS}
        if not names and self._scope.get("http_version", "1.1").startswith("1"):
            return b""
        try:
            async with asyncio.timeout(settings.BODY_TIMEOUT_S):
                return await self._read_up_to(settings.MAX_BODY_BYTES, int(names.get(b"content-length", 0)))
        except TimeoutError as error:
            self.is_left_unread = True
            raise InvalidInput(f"The body did not arrive within {settings.BODY_TIMEOUT_S} s") from error

    async def _read_up_to(self, limit: int, announced: int) -> bytes:
        body = bytearray()
        if announced <= limit:
            async for part in self._parts():
                body += part
                if len(body) > limit:
                    break
            else:
                return bytes(body)
        self.is_left_unread = True
        raise TooLarge(f"Body max is {limit} bytes")

    async def linger(self) -> None:
        """Take what the client still sends for a while, once it was answered and before the connection is closed."""
        # Closing on unread data resets the connection, and a client that is still sending would never see the answer.
        try:
            async with asyncio.timeout(LINGER_S):
                async for _ in self._parts():
                    continue
        except (TimeoutError, ClientGone):
            log.debug("The client was still sending, or has left.")

    async def _parts(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            yield message.get("body", b"")
            more = message.get("more_body", False)
