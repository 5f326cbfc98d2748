"""One product changed by four writers over four doors, and followed over five protocols that are cut off and resumed.

Two web servers and two gRPC servers on one database. A follower that is cut off goes on from its last cursor, at either
server, one time in three over another protocol.
"""

import asyncio
import json
import random
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import grpc
import httpx
from websockets.asyncio.client import connect

from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceStub
from tests.support.rpc import Client
from tests.support.waiting import PATIENCE_S

STRANGE = 1 / 3  # how often another protocol takes up
SUBSCRIPTION = (
    "subscription($id: Int, $after: String) {productUpdated(id: $id, after: $after) {cursor newPrice newStock}}"
)


class Told(NamedTuple):
    """One change, as a protocol tells it."""

    cursor: str
    price: float
    stock: int


class Target(NamedTuple):
    """Where the product is followed and changed."""

    web: list[str]
    grpc: list[int]
    product_id: int
    token: str


Protocol = Callable[[Target, str], AsyncIterator[Told]]


# -- Following --------------------------------------------------------------------------------------------------
@asynccontextmanager
async def _answer(method: str, url: str, **options: Any) -> AsyncIterator[httpx.Response]:
    """Ask on a connection of its own, which is cut off in the end."""
    client = httpx.AsyncClient(timeout=PATIENCE_S)
    async with client, client.stream(method, url, **options) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield answer


async def by_sse(target: Target, after: str) -> AsyncIterator[Told]:
    url = f"{random.choice(target.web)}/api/v1/products/{target.product_id}/events"
    async with _answer("GET", url, headers={"Last-Event-ID": after}) as answer:
        async for kind, cursor, data in _events_in(answer):
            assert kind == "product", (kind, data)
            yield Told(cursor, data["new_price"], data["new_stock"])


async def by_graphql_sse(target: Target, after: str) -> AsyncIterator[Told]:
    question = {"query": SUBSCRIPTION, "variables": {"id": target.product_id, "after": after}}
    url, headers = f"{random.choice(target.web)}/graphql", {"Accept": "text/event-stream"}
    async with _answer("POST", url, json=question, headers=headers) as answer:
        async for kind, _, data in _events_in(answer):
            assert kind == "next", (kind, data)
            yield _of_graphql(data)


async def by_graphql_socket(target: Target, after: str) -> AsyncIterator[Told]:
    url = random.choice(target.web).replace("http", "ws", 1) + "/graphql"
    payload = {"query": SUBSCRIPTION, "variables": {"id": target.product_id, "after": after}}
    # Without a bound on its queue: what it has not read would keep it from hearing that the server hangs up too.
    async with connect(url, subprotocols=["graphql-transport-ws"], proxy=None, max_queue=None) as socket:
        await socket.send('{"type": "connection_init"}')
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "ping":
                await socket.send('{"type": "pong"}')
                continue
            assert message["type"] == "next", message
            yield _of_graphql(message["payload"])


async def by_grpc(target: Target, after: str) -> AsyncIterator[Told]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{random.choice(target.grpc)}", options) as channel:
        call = ProductServiceStub(channel).WatchProducts(pb.GetProductRequest(id=target.product_id, after=after))
        async for update in call:
            yield _of_message(update)


async def by_grpc_web(target: Target, after: str) -> AsyncIterator[Told]:
    content = pb.GetProductRequest(id=target.product_id, after=after).SerializeToString()
    framed = struct.pack(">BI", 0, len(content)) + content
    url = f"{random.choice(target.web)}/ecommerce.ProductService/WatchProducts"
    headers = {"Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1"}
    async with _answer("POST", url, content=framed, headers=headers) as answer:
        async for flags, body in _frames_in(answer):
            assert flags == 0, body
            yield _of_message(pb.ProductUpdate.FromString(body))


PROTOCOLS: dict[str, Protocol] = {
    "SSE": by_sse,
    "GraphQL, WebSocket": by_graphql_socket,
    "GraphQL, SSE": by_graphql_sse,
    "gRPC": by_grpc,
    "gRPC-Web": by_grpc_web,
}


async def _events_in(answer: httpx.Response) -> AsyncIterator[tuple[str, str, Any]]:
    """Yield (event, id, data) of an event stream."""
    assert answer.headers["content-type"].startswith("text/event-stream"), await answer.aread()
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"])
            fields = {}


async def _frames_in(answer: httpx.Response) -> AsyncIterator[tuple[int, bytes]]:
    """Yield (flags, content) of the frames of gRPC-Web."""
    buffer = b""
    async for part in answer.aiter_bytes():
        buffer += part
        while len(buffer) >= 5 and len(buffer) >= 5 + (length := struct.unpack(">I", buffer[1:5])[0]):
            yield buffer[0], buffer[5 : 5 + length]
            buffer = buffer[5 + length :]


def _of_graphql(answer: dict[str, Any]) -> Told:
    assert "errors" not in answer, answer
    update = answer["data"]["productUpdated"]
    return Told(update["cursor"], update["newPrice"], update["newStock"])


def _of_message(update: pb.ProductUpdate) -> Told:
    return Told(update.cursor, update.new_price, update.new_stock)


class Follower:
    """One that follows by its own protocol, is cut off, and goes on: what it was told, in order."""

    def __init__(self, own: str, target: Target, begin: str, changes: int, cuts: int) -> None:
        self.own, self.target, self.cursor, self.changes = own, target, begin, changes
        self.told: list[Told] = []
        self.chance = random.Random(own)
        self.cuts = set(self.chance.sample(range(1, changes), min(cuts, changes - 1)))
        self.resumed: Counter[str] = Counter()

    async def run(self) -> None:
        """Follow until all is told. Raises AssertionError, with where it is, when that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_S + self.changes / 10):
                while len(self.told) < self.changes:
                    await self._follow(self._next_protocol())
        except TimeoutError as error:
            places = f"{len(self.told)} of {self.changes} told, the last at {self.cursor}"
            raise AssertionError(f"{self.own}: {places}, then nothing: {self.resumed}") from error

    async def _follow(self, name: str) -> None:
        self.resumed[name] += 1
        async with aclosing(PROTOCOLS[name](self.target, self.cursor)) as events:
            await self._take(events)

    async def _take(self, events: AsyncIterator[Told]) -> None:
        """Take until it is cut off."""
        async for event in events:
            self.told.append(event)
            self.cursor = event.cursor
            if len(self.told) in self.cuts or len(self.told) == self.changes:
                return

    def _next_protocol(self) -> str:
        is_strange = self.resumed and self.chance.random() < STRANGE
        return self.chance.choice(sorted(PROTOCOLS)) if is_strange else self.own


# -- Writing ----------------------------------------------------------------------------------------------------
def over_rest(target: Target, changes: int) -> None:
    headers = {"Authorization": f"Bearer {target.token}"}
    with httpx.Client(base_url=target.web[0], headers=headers, timeout=PATIENCE_S) as client:
        for n in range(changes):
            body = {"price": round(1 + n / 100, 2)}
            client.patch(f"/api/v1/products/{target.product_id}", json=body).raise_for_status()


def over_graphql(target: Target, changes: int) -> None:
    headers = {"Authorization": f"Bearer {target.token}"}
    query = "mutation($id: Int!, $stock: Int) {updateProduct(id: $id, stock: $stock) {ok}}"
    with httpx.Client(base_url=target.web[-1], headers=headers, timeout=PATIENCE_S) as client:
        for n in range(changes):
            body = {"query": query, "variables": {"id": target.product_id, "stock": n}}
            assert client.post("/graphql", json=body).json()["data"] == {"updateProduct": {"ok": True}}


def over_grpc(target: Target, changes: int) -> None:
    client = Client(target.grpc[0], token=target.token)
    for n in range(changes):
        client.call("UpdateProduct", id=target.product_id, price=round(50 + n / 100, 2))
    client.channel.close()


def over_sql(write: Callable[[int], None], target: Target, changes: int) -> None:
    for n in range(changes):
        write(10_000 + n)
        time.sleep(0.002)


# -- The race ---------------------------------------------------------------------------------------------------
async def _followed(followers: list[Follower], writers: list[Callable[[], None]]) -> None:
    following = [asyncio.create_task(follower.run()) for follower in followers]
    await asyncio.gather(*(asyncio.to_thread(writer) for writer in writers))
    await asyncio.gather(*following)


def race(target: Target, begin: str, write: Callable[[int], None], changes: int, cuts: int) -> list[Follower]:
    """Let each of the four writers make so many changes, and return the followers; each has been told of all."""
    followers = [Follower(name, target, begin, 4 * changes, cuts) for name in PROTOCOLS]
    doors = (over_rest, over_graphql, over_grpc, partial(over_sql, write))
    asyncio.run(_followed(followers, [partial(door, target, changes) for door in doors]))
    return followers


def judged(follower: Follower, truth: list[Told]) -> dict[str, Any]:
    cursors = [int(told.cursor) for told in follower.told]
    return {
        "missed": len(set(truth) - set(follower.told)),
        "doubled": len(cursors) - len(set(cursors)),
        "equal": follower.told == truth,
        "cuts": sum(follower.resumed.values()) - 1,
        "over_others": sum(count for name, count in follower.resumed.items() if name != follower.own),
    }
