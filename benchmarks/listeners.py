"""Minimal clients of the live protocols: a thousand of them run on one processor."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import ClassVar

Heard = Callable[[int], None]  # called with the stock of each event

PING, PONG, TEXT = 0x89, 0x8A, 0x81  # RFC 6455, 5.2: single frames
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


class Listener(asyncio.Protocol):
    """One client on a bare connection; `is_open` is done once the client will receive the next change."""

    stock: ClassVar[re.Pattern[bytes]]
    hello: ClassVar[str]
    transport: asyncio.Transport

    def __init__(self, heard: Heard) -> None:
        self.heard, self.rest = heard, b""
        self.is_open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(self.hello.encode())

    def hear(self, told: bytes) -> None:
        for stock in self.stock.findall(told):
            self.heard(int(stock))

    def connection_lost(self, reason: Exception | None) -> None:
        if not self.is_open.done():
            self.is_open.set_exception(reason or ConnectionError(f"Closed: {self.rest!r}"))


class Events(Listener):
    """Server-sent events."""

    stock = re.compile(rb'"new_stock":(\d+)')
    hello = "GET /api/v1/products/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if not self.is_open.done() and b"retry:" in self.rest:
            self.is_open.set_result(None)
        told, _, self.rest = self.rest.rpartition(b"\n\n")
        self.hear(told)


class Socket(Listener):
    """A WebSocket. A server's frames are not masked, and here none is longer than 65,535 bytes."""

    _is_upgraded = False

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if not self._is_upgraded and b"\r\n\r\n" in self.rest:
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            self._is_upgraded = head.startswith(b"HTTP/1.1 101")
            self.upgraded()
        while self._is_upgraded and (frame := self._frame()) is not None:
            kind, payload = frame
            if kind == PING:
                self.send(PONG, payload)
            elif kind == TEXT:
                self.received(payload)

    def _frame(self) -> tuple[int, bytes] | None:
        if len(self.rest) < 4:
            return None
        is_long = self.rest[1] == 126
        start, length = (4, int.from_bytes(self.rest[2:4])) if is_long else (2, self.rest[1])
        if len(self.rest) < start + length:
            return None
        kind, payload, self.rest = self.rest[0], self.rest[start : start + length], self.rest[start + length :]
        return kind, payload

    def send(self, kind: int, payload: bytes) -> None:
        """Send a frame. A client must mask it; the mask is zero here."""
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
        self.transport.write(bytes([kind]) + length + bytes(4) + payload)

    def upgraded(self) -> None:
        """Called when the upgrade to a WebSocket is complete."""

    def received(self, message: bytes) -> None:
        raise NotImplementedError


class Prices(Socket):
    """/ws/prices, whose first message is its cursor."""

    stock = re.compile(rb'"new_stock": ?(\d+)')
    hello = UPGRADE.format(path="/ws/prices", more="")

    def received(self, message: bytes) -> None:
        if not self.is_open.done():
            self.is_open.set_result(None)
        self.hear(message)


class Subscription(Socket):
    """A GraphQL subscription. Its start is not announced, so it resumes from the first cursor and gets past events."""

    stock = re.compile(rb'"newStock": ?(\d+)')
    hello = UPGRADE.format(path="/graphql", more="Sec-WebSocket-Protocol: graphql-transport-ws\r\n")
    query = 'subscription { productUpdated(after: "0") { productId newPrice newStock kind at cursor } }'

    def upgraded(self) -> None:
        self.send(TEXT, b'{"type":"connection_init"}')

    def received(self, message: bytes) -> None:
        if b"connection_ack" in message:
            ask = {"id": "1", "type": "subscribe", "payload": {"query": self.query}}
            self.send(TEXT, json.dumps(ask).encode())
        elif not self.is_open.done():  # the past events, which are few
            self.is_open.set_result(None)
        self.hear(message)


LISTENERS: dict[str, type[Listener]] = {"sse": Events, "prices": Prices, "graphql": Subscription}


async def listen(stack: AsyncExitStack, kind: str, port: int, heard: Heard) -> None:
    """Open one client; its connection is aborted when the stack exits."""
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_connection(lambda: LISTENERS[kind](heard), "127.0.0.1", port)
    stack.callback(transport.abort)
    await listener.is_open
