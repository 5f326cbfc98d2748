"""Messages that are received ahead arrive whole and in order, within a bound, and end with the call."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from core.protocols.rpc.received import MAX_AHEAD_BYTES, MESSAGE_BYTES, ReceivedAhead
from tests.support.live import free_port
from tests.support.waiting import wait_until


@contextmanager
def method(answer: Callable[[ReceivedAhead], bytes]) -> Iterator[Any]:
    """Serve a method with a stream of messages; yield the client's callable."""
    server, port = grpc.server(ThreadPoolExecutor(2)), free_port()
    handler = grpc.stream_unary_rpc_method_handler(lambda _, context: answer(ReceivedAhead(context)))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", {"Send": handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel.stream_unary("/test.Test/Send")
    finally:
        server.stop(None).wait()


@pytest.mark.long
def test_each_message_arrives_once_and_in_order() -> None:
    sent = [b"%d" % number for number in range(5_000)]
    with method(b",".join) as send:
        assert send(iter(sent)).split(b",") == sent


def test_stream_without_messages_ends_at_once() -> None:
    with method(lambda contents: b"%d" % len(list(contents))) as send:
        assert send(iter([])) == b"0"


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.live
def test_client_waits_while_many_bytes_are_ahead(size: int) -> None:
    produced, may_go_on = 0, threading.Event()

    def messages() -> Iterator[bytes]:
        nonlocal produced
        for _ in range(30_000 if size == 1 else 300):
            produced += 1
            yield b"a" * size

    most: list[int] = []

    def answer(contents: ReceivedAhead) -> bytes:
        wait_until(lambda: contents._is_paused, "The server does not pause")
        most.append(contents._bytes)
        before = len(contents._waiting)
        may_go_on.wait(10)
        most.append(contents._bytes)
        assert len(contents._waiting) == before
        return b"%d" % len(list(contents))

    with method(answer) as send:
        future = send.future(messages())
        wait_until(lambda: len(most) == 1, "No message has arrived")
        may_go_on.set()
        assert int(future.result(30)) == produced
    assert max(most) < MAX_AHEAD_BYTES + size + MESSAGE_BYTES


def test_cancelled_call_ends_the_messages() -> None:
    seen: list[bytes] = []
    is_over = threading.Event()

    def answer(contents: ReceivedAhead) -> bytes:
        seen.extend(contents)
        is_over.set()
        return b""

    blocked = threading.Event()

    def messages() -> Iterator[bytes]:
        yield b"1"
        blocked.wait(30)

    with method(answer) as send:
        future = send.future(messages())
        wait_until(lambda: seen == [b"1"], "The message has not arrived")
        future.cancel()
        assert is_over.wait(10)
        blocked.set()
    assert seen == [b"1"]
