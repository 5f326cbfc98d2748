"""Clients of event streams, on a loop of their own beside the test.

with listening() as listen:
    client = listen(f"{shop.url}/api/v1/products/events", after="41")
    ...                                     # change something
    assert [block.cursor for block in client.wait_for("product", 2)] == ["42", "43"]
    client.leave()
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from django.db.models import F

from catalog.models import Product

PATIENCE_S = 30


class Block(NamedTuple):
    """What a blank line ends: `cursor` is its own `id:`, and empty where it has none."""

    event: str
    cursor: str
    data: Any
    retry_ms: int | None
    is_comment: bool


class EventClient:
    """One open stream, and what it was told so far."""

    def __init__(self, loop: asyncio.AbstractEventLoop, http: httpx.AsyncClient, url: str, headers: dict) -> None:
        self.status, self.headers, self.body = 0, httpx.Headers(), b""
        self.blocks: list[Block] = []
        self.error: Exception | None = None
        self.is_answered, self.is_over = threading.Event(), threading.Event()
        self._loop = loop
        self._task = asyncio.run_coroutine_threadsafe(self._listen(http, url, headers), loop)

    @property
    def cursor(self) -> str:
        """What a browser would send as Last-Event-ID."""
        return next((block.cursor for block in reversed(self.blocks) if block.cursor), "")

    def of(self, event: str) -> list[Block]:
        return [block for block in self.blocks if block.event == event]

    def wait_for(self, event: str, count: int = 1) -> list[Block]:
        """Wait until so many events of a name were told, and return them."""
        self.wait_until(lambda: len(self.of(event)) >= count, f"{count} times {event}")
        return self.of(event)

    def wait_until(self, holds: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"Not told {what}: {self.blocks[-5:]} {self.error}"
            time.sleep(0.005)

    def answered(self) -> "EventClient":
        """Wait for the head, or for the whole answer when it is no stream."""
        assert self.is_answered.wait(PATIENCE_S), self.error
        return self

    def wait_for_end(self) -> None:
        assert self.is_over.wait(PATIENCE_S), f"The stream goes on: {self.blocks[-5:]}"

    def leave(self) -> None:
        """Close the connection, as a client does that was cut off."""
        self._task.cancel()
        self.wait_for_end()

    async def _listen(self, http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> None:
        try:
            async with http.stream("GET", url, headers=headers) as answer:
                self.status, self.headers = answer.status_code, answer.headers
                if answer.headers.get("content-type") != "text/event-stream":
                    self.body = await answer.aread()
                    return
                self.is_answered.set()
                await self._read(answer)
        except httpx.HTTPError as error:
            self.error = error
        finally:
            self.is_answered.set()
            self.is_over.set()

    async def _read(self, answer: httpx.Response) -> None:
        lines: list[str] = []
        async for line in answer.aiter_lines():
            if line:
                lines.append(line)
            else:
                self.blocks.append(block_of(lines))
                lines = []


def block_of(lines: list[str]) -> Block:
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    data = "\n".join(fields["data"]) if "data" in fields else None
    return Block(
        event=fields.get("event", [""])[-1],
        cursor=fields.get("id", [""])[-1],
        data=None if data is None else json.loads(data),
        retry_ms=int(fields["retry"][-1]) if "retry" in fields else None,
        is_comment="" in fields,
    )


@contextmanager
def listening() -> Iterator[Callable[..., EventClient]]:
    """Yield what opens a stream: `listen(url, after=cursor, **headers)` returns when its head is there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="listening", daemon=True)
    thread.start()
    http = httpx.AsyncClient(timeout=httpx.Timeout(PATIENCE_S), limits=httpx.Limits(max_connections=None))
    clients: list[EventClient] = []

    def listen(url: str, *, after: str = "", token: str = "", accept: str = "text/event-stream") -> EventClient:
        headers = {"Accept": accept}
        headers |= {"Last-Event-ID": after} if after else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        clients.append(EventClient(loop, http, url, headers))
        return clients[-1].answered()

    try:
        yield listen
    finally:
        for client in clients:
            client._task.cancel()
        asyncio.run_coroutine_threadsafe(http.aclose(), loop).result(PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


# -- Clients that take nothing ----------------------------------------------------------------------------------
def stalled_client(port: int, path: str) -> socket.socket:
    """Open a stream, with little room for it, and read nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def flood(products: int = 4_000, changes: int = 10) -> None:
    """Write more events than all buffers between a server and its client hold, a few megabytes."""
    rows = [Product(name=f"Filler {n}", price=1, stock=0) for n in range(products)]
    fillers = Product.objects.filter(pk__in=[row.pk for row in Product.objects.bulk_create(rows)])
    for _ in range(changes):
        fillers.update(stock=F("stock") + 1)


def was_reset(client: socket.socket) -> bool:
    """Read what is still there; whether the connection was cut off rather than closed."""
    client.settimeout(PATIENCE_S)
    with client:
        try:
            while client.recv(65_536):
                continue
        except ConnectionResetError:
            return True
    return False
