"""The turns of a request on the bridge that no client can time, by the messages of ASGI."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from core.errors import Unavailable
from core.server.bodies import ClientGone
from core.server.bridge import Bridge
from core.server.bridge.http_call import HttpCall
from core.server.threads import ThreadPool

SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "client": ("192.0.2.1", 9)}
BEGUN = {"type": "http.response.start", "status": 200, "headers": []}


class Parts:
    """A streaming response of Django, which a server has to close."""

    streaming = True

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts, self.is_closed = parts, False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.is_closed = True


class Client:
    """Receives what the server sends; stays connected until `leaves` is set."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.leaves = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.received.append(message)

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.received if "body" in message]


def responding(result: Any) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return result

    return application


def called(client: Client, application: Any = None) -> HttpCall:
    return HttpCall(application or responding([b""]), SCOPE, client.receive, client.send, None)


def test_refusal_that_comes_after_the_head_is_not_sent() -> None:
    async def refuse_late() -> list[dict[str, Any]]:
        client = Client()
        call = called(client)
        await call._start(200, [])
        await call.refuse(Unavailable("Too late"))
        return client.received

    assert asyncio.run(refuse_late()) == [BEGUN]


def test_response_that_comes_after_a_refusal_is_dropped() -> None:
    async def respond_late() -> list[dict[str, Any]]:
        client = Client()
        call = called(client)
        await call.refuse(Unavailable("No answer in time"))
        with pytest.raises(ClientGone):
            await call._start(200, [])
        return client.received

    assert [message.get("status") for message in asyncio.run(respond_late())] == [503, None, None]


@pytest.mark.parametrize(
    ("result", "bodies"),
    [
        ([b"a", b"b"], [b"ab"]),  # a list has no `close`
        (Parts([b"a", b"", b"b"]), [b"a", b"b", b""]),  # an empty chunk would end the response
    ],
)
def test_parts_are_joined_or_sent_one_by_one(result: Any, bodies: list[bytes]) -> None:
    async def respond() -> list[bytes]:
        client, pool = Client(), ThreadPool("bridge", size=1, max_waiting=1)
        await Bridge(responding(result), pool)(SCOPE, client.receive, client.send)
        await asyncio.to_thread(pool.stop, 5)
        return client.bodies

    assert asyncio.run(respond()) == bodies
    assert getattr(result, "is_closed", True)


def test_application_is_not_called_for_a_client_that_has_left() -> None:
    calls: list[Any] = []

    async def leave_first() -> None:
        client = Client()
        call = called(client, lambda *given: calls.append(given))
        client.leaves.set()
        call.watch()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.to_thread(call.respond, b"")

    with pytest.raises(ClientGone):
        asyncio.run(leave_first())
    assert calls == []


def test_stream_of_a_client_that_leaves_is_closed_and_makes_no_further_part() -> None:
    made: list[int] = []

    async def leave_within() -> Parts:
        client, loop = Client(), asyncio.get_running_loop()

        def parts() -> Iterator[bytes]:
            for number in range(100):
                made.append(number)
                yield b"x"
                if number == 1:
                    asyncio.run_coroutine_threadsafe(leave(), loop).result(5)

        async def leave() -> None:
            client.leaves.set()
            await asyncio.sleep(0.05)  # for the watcher to hear of it

        stream, pool = Parts(parts()), ThreadPool("bridge", size=1, max_waiting=1)
        await Bridge(responding(stream), pool)(SCOPE, client.receive, client.send)
        await asyncio.to_thread(pool.stop, 5)
        return stream

    assert asyncio.run(leave_within()).is_closed
    assert made == [0, 1, 2]
