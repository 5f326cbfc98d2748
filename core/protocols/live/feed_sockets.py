"""The change feed on a WebSocket, as JSON in both directions.

The server first sends the cursor where it begins, {"cursor": ...}, and then every event. A client may send two kinds of
messages besides those that the spec handles. {"authorization": "Bearer ..."} authenticates the client from now on; the
reply is {"expires_at": ...} (Unix seconds). {"after": CURSOR} resumes the feed after the cursor; the reply is that
cursor. A refusal is sent only to the sender of the message. Each message counts as a request of its sender.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qs

import orjson

from core.callers import Caller, counted_caller_of
from core.errors import DomainError, InvalidInput
from core.faults import refusal_for
from core.feed.async_reader import AsyncFeedReader
from core.feed.inbox import Match
from core.models import Event
from core.protocols.live.sockets import CloseSocket, Socket, SocketClosed
from core.rates import limits
from core.rates.floods import FloodGuard
from core.server.asgi import Receive, Scope, Send
from core.server.stream_threads import ask
from core.validation.strict_json import loads

MAX_MESSAGE_LENGTH = 16_384  # enough for a token


@dataclass(frozen=True)
class SocketSpec:
    """The events to send, their format, and the handling of the client's messages.

    `handle` gets a message, the headers that authenticate its sender, and the sender's address.
    `refused` returns the reply to a refused message.
    """

    match: Match
    write: Callable[[Event], dict[str, Any]]
    handle: Callable[[dict[str, object], Mapping[str, str], str], None]
    refused: Callable[[Any, DomainError], dict[str, Any]]


class FeedSockets:
    """An ASGI application for WebSockets only."""

    def __init__(self, spec: SocketSpec) -> None:
        self.spec = spec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = Socket(scope, receive, send)
        await socket.run(_Conversation(socket, self.spec).run)


class _Conversation:
    """The conversation with one client."""

    def __init__(self, socket: Socket, spec: SocketSpec) -> None:
        self.socket, self.spec = socket, spec
        self._headers = {"authorization": socket.headers.get("authorization", "")}
        self._sending: asyncio.Task[None] | None = None
        self._caller: Caller
        self._flood_guard = FloodGuard()

    async def run(self) -> None:
        await self._authenticate(self._headers)
        await self.socket.accept()
        self._resume_after(parse_qs(self.socket.scope["query_string"].decode("latin-1")).get("after", [""])[0])
        while True:
            await self._handle(await self.socket.receive(MAX_MESSAGE_LENGTH))

    async def _handle(self, text: str | None) -> None:
        """Handle a message. If it is refused, the sender gets a reply, and the stream continues. Raises Flooded."""
        message, refusal = None, None
        try:
            try:
                message = _parsed(text)
            finally:
                await self._count(message)
            await self._dispatch(message)
        except (SocketClosed, CloseSocket):
            raise
        except Exception as error:  # noqa: BLE001  # the sender gets a reply for any exception
            refusal = refusal_for(error)
        self._flood_guard.note(refusal)
        if refusal is not None:
            await self._send(self.spec.refused(message, refusal))

    async def _count(self, message: dict[str, object] | None) -> None:
        """Count a message as a request of the caller. Raises RateLimited.

        A message that authenticates a caller is counted for that caller, by `_authenticate`.
        """
        if message is None or not isinstance(message.get("authorization"), str):
            spend = partial(limits.spend_request, user_id=self._caller.user.pk, address=self._caller.address)
            await ask(spend)

    async def _dispatch(self, message: dict[str, object]) -> None:
        match message:
            case {"authorization": str(authorization)}:
                caller = await self._authenticate({"authorization": authorization})
                expires_at = int(caller.expires_at.timestamp()) if caller.expires_at else None
                await self._send({"expires_at": expires_at})
            case {"after": str(cursor)}:
                self._resume_after(cursor)
            case _:
                await ask(self.spec.handle, message, self._headers, self.socket.address)

    async def _authenticate(self, headers: dict[str, str]) -> Caller:
        """Authenticate the caller, and count the stream as the caller's. Raises Unauthenticated, RateLimited."""
        caller: Caller = await ask(counted_caller_of, headers, self.socket.address)
        self.socket.lease.grant(caller)
        self._headers, self._caller = headers, caller
        return caller

    def _resume_after(self, cursor: str) -> None:
        if self._sending is not None:
            self._sending.cancel()
        self._sending = self.socket.start(self._send_events(cursor))

    async def _send_events(self, after: str) -> None:
        async with await AsyncFeedReader.open(self.spec.match, after) as reader:
            await self._send({"cursor": reader.cursor})
            async for event in reader:
                await self.socket.send(_text_of(self.spec.write, event))

    async def _send(self, reply: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(reply))


@lru_cache(4096)
def _text_of(write: Callable[[Event], dict[str, object]], event: Event) -> str:
    # The text is the same for all clients: encode it once.
    return orjson.dumps(write(event)).decode()


def _parsed(text: str | None) -> dict[str, object]:
    """Return the message. Raises InvalidInput if it is binary or not a JSON object."""
    message = None if text is None else loads(text)
    if not isinstance(message, dict):
        raise InvalidInput("A message must be one JSON object, sent as text")
    return message
