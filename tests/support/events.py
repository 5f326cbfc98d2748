"""Clients of event streams, on a separate event loop in a thread beside the test.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from django.db.models import F

from catalog.models import Product
from tests.support.waiting import PATIENCE_S, wait_until


class Block(NamedTuple):
    """The lines up to a blank line. `cursor` is the value of `id:` in this block, or empty if it has no `id:`."""

    event: str
    cursor: str
    data: Any
    retry_ms: int | None
    is_comment: bool


class EventClient:
    """One open stream, and the blocks that it has received so far."""

    def __init__(self, loop: asyncio.AbstractEventLoop, http: httpx.AsyncClient, url: str, headers: dict) -> None:
        self.status, self.headers, self.body = 0, httpx.Headers(), b""
        self.blocks: list[Block] = []
        self.error: Exception | None = None
        self.is_answered, self.is_over = threading.Event(), threading.Event()
        self._loop = loop
        self._task = asyncio.run_coroutine_threadsafe(self._listen(http, url, headers), loop)

    @property
    def cursor(self) -> str:
        """The value that a browser would send as Last-Event-ID."""
        return next((block.cursor for block in reversed(self.blocks) if block.cursor), "")

    def of(self, event: str) -> list[Block]:
        return [block for block in self.blocks if block.event == event]

    def wait_for(self, event: str, count: int = 1) -> list[Block]:
        """Wait until `count` events with this name have arrived, and return all of them."""
        self.wait_until(lambda: len(self.of(event)) >= count, f"{count} times {event}")
        return self.of(event)

    def wait_until(self, holds: Callable[[], Any], what: str) -> None:
        wait_until(holds, lambda: f"Not told {what}: {self.blocks[-5:]} {self.error}")

    def answered(self) -> "EventClient":
        """Wait for the response headers; if the response is not a stream, wait for its body too."""
        assert self.is_answered.wait(PATIENCE_S), self.error
        return self

    def wait_for_end(self) -> None:
        assert self.is_over.wait(PATIENCE_S), f"The stream goes on: {self.blocks[-5:]}"

    def leave(self) -> None:
        """Close the connection abruptly, like a client that loses its network."""
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
    """Yield a function that opens streams: `listen(url, after=cursor)` returns when the headers have arrived."""
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


# -- Clients that read nothing ----------------------------------------------------------------------------------
def stalled_client(port: int, path: str) -> socket.socket:
    """Open a stream with a small receive buffer, and read no events from it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def flood(products: int = 4_000, changes: int = 10) -> None:
    """Write more events than fit into all buffers between a server and its client: a few megabytes."""
    rows = [Product(name=f"Filler {n}", price=1, stock=0) for n in range(products)]
    fillers = Product.objects.filter(pk__in=[row.pk for row in Product.objects.bulk_create(rows)])
    for _ in range(changes):
        fillers.update(stock=F("stock") + 1)


def was_reset(client: socket.socket) -> bool:
    """Read to the end; return whether the server reset the connection instead of closing it."""
    client.settimeout(PATIENCE_S)
    with client:
        try:
            while client.recv(65_536):
                continue
        except ConnectionResetError:
            return True
    return False
