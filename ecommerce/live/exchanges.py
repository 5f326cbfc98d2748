"""The change feed on a WebSocket, as JSON both ways.

The server tells where it begins, {"cursor": ...}, and then every event. A client may send, besides what the exchange
takes: {"authorization": "Bearer ..."}, who it is from now on, answered by {"expires_at": ...} (Unix seconds); and
{"after": CURSOR}, to be told everything since, answered by that cursor. What is refused is said to the sender alone.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import orjson

from ecommerce import limits
from ecommerce.callers import Caller, counted_caller_of
from ecommerce.errors import DomainError, InvalidInput
from ecommerce.feed.events import Event
from ecommerce.feed.hub import Match
from ecommerce.live.following import Following
from ecommerce.live.refusals import refusal_of
from ecommerce.live.sockets import Hangup, Over, Socket, expire
from ecommerce.live.threads import ask
from ecommerce.rest.parsers import loads

MAX_MESSAGE_LENGTH = 16_384  # room for a token


@dataclass(frozen=True)
class Exchange:
    """Which events are told, and how; what becomes of what a client sends.

    `take` is given a message, the headers that name its sender, and the sender's address; `refused` tells the sender of
    what it raises.
    """

    match: Match
    write: Callable[[Event], dict[str, Any]]
    take: Callable[[dict[str, Any], Mapping[str, str], str], None]
    refused: Callable[[Any, DomainError], dict[str, Any]]


class ExchangeSockets:
    """An ASGI application (websocket alone)."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        socket = Socket(scope, receive, send)
        await socket.run(_Conversation(socket, self.exchange).run)


class _Conversation:
    """One client."""

    def __init__(self, socket: Socket, exchange: Exchange) -> None:
        self.socket, self.exchange = socket, exchange
        self._headers = {"authorization": socket.headers.get("authorization", "")}
        self._seat = socket.at_end.enter_context(ExitStack())
        self._seat_is_of: tuple[Any, ...] = ()
        self._telling: asyncio.Task[None] | None = None
        self._expiring: asyncio.Task[None] | None = None

    async def run(self) -> None:
        await self._enter(self._headers)
        await self.socket.accept()
        self._tell_after(parse_qs(self.socket.scope["query_string"].decode("latin-1")).get("after", [""])[0])
        while True:
            text = await self.socket.receive(MAX_MESSAGE_LENGTH)
            item: Any = None
            try:
                item = _read(text)
                await self._hear(item)
            except (Over, Hangup):
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, the sender is told, and the stream goes on
                await self._say(self.exchange.refused(item, refusal_of(error)))

    async def _hear(self, item: dict[str, Any]) -> None:
        match item:
            case {"authorization": str(authorization)}:
                caller = await self._enter({"authorization": authorization})
                expires_at = int(caller.expires_at.timestamp()) if caller.expires_at else None
                await self._say({"expires_at": expires_at})
            case {"after": str(cursor)}:
                self._tell_after(cursor)
            case _:
                await ask(self.exchange.take, item, self._headers, self.socket.address)

    async def _enter(self, headers: dict[str, str]) -> Caller:
        """Name the caller, and count the stream as the caller's. Raises Unauthenticated, RateLimited."""
        caller: Caller = await ask(counted_caller_of, headers, self.socket.address)
        self._take_seat(user_id=caller.user.pk, address=caller.address)
        self._headers = headers
        if self._expiring is not None:
            self._expiring.cancel()
        self._expiring = self.socket.start(expire(caller))
        return caller

    def _take_seat(self, **caller: Any) -> None:
        """Give the seat of who this was for one of who it is. Raises RateLimited; the seat is then kept."""
        if self._seat_is_of != tuple(caller.values()):
            release = limits.hold_stream(**caller)
            self._seat.close()
            self._seat.callback(release)
            self._seat_is_of = tuple(caller.values())

    def _tell_after(self, cursor: str) -> None:
        if self._telling is not None:
            self._telling.cancel()
        self._telling = self.socket.start(self._tell(cursor))

    async def _tell(self, after: str) -> None:
        async with await Following.open(self.exchange.match, after) as following:
            await self._say({"cursor": following.cursor})
            while True:
                for event in await following.take():
                    await self.socket.send(_text_of(self.exchange.write, event))

    async def _say(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))


@lru_cache(4096)
def _text_of(write: Callable[[Event], dict[str, Any]], event: Event) -> str:
    # The same for all clients, and made once.
    return orjson.dumps(write(event)).decode()


def _read(text: str | None) -> dict[str, Any]:
    message = None if text is None else loads(text)
    if not isinstance(message, dict):
        raise InvalidInput("A message is one JSON object, as text")
    return message
