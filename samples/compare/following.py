"""Follows a price over each protocol, and measures how long a change takes to arrive."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import grpc
import httpcore

from protos.product_pb2 import ProductUpdate
from samples.compare.clients import (
    FRAME,
    TIMEOUT_S,
    HttpClient,
    NativeClient,
    RequestFailed,
    class_of,
    framed,
    messages_sent,
    method_at,
)
from samples.compare.running import filled
from samples.compare.tasks import Task, TaskStep, Values


class Arrival(NamedTuple):
    """One change as a follower received it; `at` is a time of perf_counter."""

    cursor: str
    price: float
    at: float
    body_bytes: int


class Follower:
    """Reads a stream in a thread."""

    def __init__(self, arrivals: Callable[[], Iterable[Arrival]]) -> None:
        self.arrivals: list[Arrival] = []
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(arrivals,), daemon=True).start()

    def _read(self, arrivals: Callable[[], Iterable[Arrival]]) -> None:
        try:
            for arrival in arrivals():
                with self._changed:
                    self.arrivals.append(arrival)
                    self._changed.notify_all()
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, grpc.RpcError) as error:
            with self._changed:
                self._failure = error  # or the measurement is over and has closed the stream
                self._changed.notify_all()

    def wait_for(self, count: int) -> Arrival:
        """Return the arrival with this number, counted from 1. Raises RequestFailed if it does not come."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.arrivals) >= count or self._failure, TIMEOUT_S)
            if len(self.arrivals) < count:
                raise RequestFailed(f"Change {count} did not arrive: {self._failure or 'the stream is silent'}")
        return self.arrivals[count - 1]


class Opened(NamedTuple):
    """An open stream and its reader."""

    follower: Follower
    body_up: bytes


def open_sse(client: HttpClient, step: TaskStep, values: Values, stack: ExitStack) -> Opened:
    method, path = filled(step.call, values).split(" ", 1)
    response = stack.enter_context(client.stream(method, path, b"", {"Accept": "text/event-stream"}))
    return Opened(Follower(lambda: _of_events(response.iter_stream(), _sse_change)), b"")


def open_graphql(client: HttpClient, step: TaskStep, values: Values, stack: ExitStack) -> Opened:
    body = json.dumps(filled(step.message, values), separators=(",", ":")).encode()
    headers = {"Accept": "text/event-stream", "Content-Type": "application/json"}
    response = stack.enter_context(client.stream("POST", "/graphql", body, headers))
    return Opened(Follower(lambda: _of_events(response.iter_stream(), _graphql_change)), body)


def open_web(client: HttpClient, step: TaskStep, values: Values, stack: ExitStack) -> Opened:
    method = method_at(step.call)
    body = framed(next(messages_sent(method, filled(step.message, values))).SerializeToString())
    headers = {"Content-Type": "application/grpc-web+proto"}
    response = stack.enter_context(client.stream("POST", step.call, body, headers))
    return Opened(Follower(lambda: _of_frames(response.iter_stream())), body)


def open_native(client: NativeClient, step: TaskStep, values: Values, stack: ExitStack) -> Opened:
    method = method_at(step.call)
    sent = next(messages_sent(method, filled(step.message, values)))
    stub = client.channel.unary_stream(step.call, type(sent).SerializeToString, bytes)
    call = stub(sent)
    stack.callback(call.cancel)
    dict(call.initial_metadata())  # the stream has begun
    return Opened(Follower(lambda: _of_call(call)), sent.SerializeToString())


OPENERS: dict[str, Callable[..., Opened]] = {
    "rest": open_sse,
    "graphql": open_graphql,
    "web": open_web,
    "native": open_native,
}


def opened(task: Task, name: str, client: Any, values: Values, stack: ExitStack) -> Opened:
    """Open the stream of a protocol: `rest`, `graphql`, `web` or `native`."""
    steps = getattr(task, name, task.grpc)
    return OPENERS[name](client, steps[0], values, stack)


# -- What is in the streams -------------------------------------------------------------------------------------
def _of_events(parts: Iterable[bytes], change_in: Callable[[bytes], Arrival | None]) -> Iterator[Arrival]:
    rest = b""
    for part in parts:
        *blocks, rest = (rest + part).split(b"\n\n")
        yield from filter(None, map(change_in, blocks))


def _sse_change(block: bytes) -> Arrival | None:
    fields = _fields(block)
    if fields.get("event") != "product":
        return None
    price = json.loads(fields["data"])["new_price"]
    return Arrival(fields["id"], price, time.perf_counter(), len(block) + 2)


def _graphql_change(block: bytes) -> Arrival | None:
    fields = _fields(block)
    if fields.get("event") != "next":
        return None
    update = json.loads(fields["data"])["data"]["productUpdated"]
    return Arrival(update["cursor"], update["newPrice"], time.perf_counter(), len(block) + 2)


def _fields(block: bytes) -> dict[str, str]:
    lines = block.decode().split("\n")
    return {name: value.removeprefix(" ") for name, _, value in (line.partition(":") for line in lines)}


def _of_frames(parts: Iterable[bytes]) -> Iterator[Arrival]:
    rest = b""
    for part in parts:
        rest += part
        while len(rest) >= FRAME.size and len(rest) >= (end := FRAME.size + FRAME.unpack_from(rest)[1]):
            if not rest[0]:
                yield _arrival(rest[FRAME.size : end], end)
            rest = rest[end:]


def _of_call(call: Iterable[bytes]) -> Iterator[Arrival]:
    for body in call:
        yield _arrival(body, len(body))


def _arrival(body: bytes, size: int) -> Arrival:
    update: ProductUpdate = class_of(ProductUpdate.DESCRIPTOR).FromString(body)
    return Arrival(update.cursor, update.new_price, time.perf_counter(), size)
