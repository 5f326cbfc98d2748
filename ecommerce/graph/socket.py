"""/graphql on a WebSocket: the protocol graphql-transport-ws.

An operation is a plain request to /graphql that the client did not have to send: it is answered by the WSGI application
on the web threads, counted, limited and logged there. Of a subscription that answer is a stream, which goes on here.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, MutableMapping
from contextlib import ExitStack
from types import NoneType
from typing import Any

from ecommerce import limits, logs
from ecommerce.callers import Caller, counted_caller_of
from ecommerce.errors import DomainError, InvalidInput, RateLimited, Unavailable
from ecommerce.feed.events import Event
from ecommerce.graph.errors import body_of
from ecommerce.graph.limits import MAX_BODY_BYTES, check_body
from ecommerce.graph.operations import Operations
from ecommerce.graph.streams import SubscriptionStream
from ecommerce.live.following import Following
from ecommerce.live.refusals import refusal_of
from ecommerce.live.sockets import Hangup, Over, Socket, expire, hangup_for
from ecommerce.live.threads import ask
from ecommerce.rest.parsers import loads
from ecommerce.threads import ThreadPool

PROTOCOL = "graphql-transport-ws"
INIT_TIMEOUT_S = 10
MAX_OPERATIONS = 100  # of a connection at a time
RETRY_S = 1  # until one of them may be over
MAX_ID_LENGTH = 128
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_ACCEPTABLE, INIT_TIMEOUT = 4400, 4401, 4403, 4406, 4408
DUPLICATE, TOO_MANY_INITS = 4409, 4429
OBJECT = (dict, NoneType)
OPERATION = {"query": str, "operationName": (str, NoneType), "variables": OBJECT, "extensions": OBJECT}


class GraphQLSockets:
    """An ASGI application (websocket alone): `application` answers the operations on the threads of `pool`."""

    def __init__(self, application: Callable[..., Any], pool: ThreadPool) -> None:
        self.operations = Operations(application, pool)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        socket = Socket(scope, receive, send)
        await socket.run(Conversation(socket, self.operations).run)


class Conversation:
    """One client's operations."""

    def __init__(self, socket: Socket, operations: Operations) -> None:
        self.socket, self._operations = socket, operations
        self.caller: Caller | None = None  # once the connection is acknowledged
        self.authorization = socket.headers.get("authorization", "")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._seat = socket.at_end.enter_context(ExitStack())
        self._places = [1]

    async def run(self) -> None:
        self._take_seat()
        has_protocol = PROTOCOL in self.socket.scope["subprotocols"]
        await self.socket.accept(PROTOCOL if has_protocol else None)
        if not has_protocol:
            raise Hangup(NOT_ACCEPTABLE, f"Subprotocol not acceptable: it is {PROTOCOL}")
        try:
            async with asyncio.timeout(INIT_TIMEOUT_S):
                while self.caller is None:
                    await self._hear()
        except TimeoutError as error:
            raise Hangup(INIT_TIMEOUT, "Connection initialisation timeout") from error
        while True:
            await self._hear()

    def _take_seat(self) -> None:
        """Count the connection as a stream of its caller. Raises RateLimited."""
        user_id = self.caller.user.pk if self.caller else None
        self._seat.close()
        self._seat.callback(limits.hold_stream(user_id=user_id, address=self.socket.address))

    def _hold(self, **caller: Any) -> Callable[[], None]:
        """Count a subscription, as `limits.hold_stream`: one is what the connection is counted for. On any thread."""
        try:
            place = self._places.pop()
        except IndexError:
            return limits.hold_stream(**caller)
        return lambda: self._places.append(place)

    # -- Messages -----------------------------------------------------------------------------------------------
    async def _hear(self) -> None:
        message = _read(await self.socket.receive(MAX_BODY_BYTES))
        match message:
            case {"type": "connection_init"}:
                await self._initialise(_payload_of(message, {}))
            case {"type": "ping"}:
                _payload_of(message, {})
                await self._say(**{**message, "type": "pong"})
            case {"type": "pong"}:
                _payload_of(message, {})
            case {"type": "subscribe", "id": str(name)} if 0 < len(name) <= MAX_ID_LENGTH:
                await self._begin(name, _operation_of(message))
            case {"type": "complete", "id": str(name)}:
                self._end(name)
            case _:
                raise Hangup(BAD_REQUEST, "Invalid message")

    async def _say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def _initialise(self, payload: dict[str, Any]) -> None:
        if self.caller is not None:
            raise Hangup(TOO_MANY_INITS, "Too many initialisation requests")
        given = {name.lower(): value for name, value in payload.items()}.get("authorization", self.authorization)
        self.authorization = given if isinstance(given, str) else ""
        try:
            self.caller = await ask(counted_caller_of, {"authorization": self.authorization}, self.socket.address)
            self._take_seat()
        except DomainError as refusal:
            raise Hangup(FORBIDDEN, f"Forbidden: {refusal.message}") from refusal
        self.socket.start(expire(self.caller))
        await self._say(type="connection_ack")

    # -- Operations ---------------------------------------------------------------------------------------------
    async def _begin(self, name: str, payload: dict[str, Any]) -> None:
        if self.caller is None:
            raise Hangup(UNAUTHORIZED, "Unauthorized")
        if name in self._running:
            raise Hangup(DUPLICATE, f"Subscriber for {name} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            refusal = RateLimited(f"Rate limit exceeded: operations max is {MAX_OPERATIONS}", retry_after_s=RETRY_S)
            await self._say(id=name, type="error", payload=body_of([refusal])["errors"])
            return
        self._running[name] = self.socket.start(self._operate(name, payload))

    def _end(self, name: str) -> None:
        if task := self._running.get(name):
            task.cancel()
            self._forget(name, task)

    def _forget(self, name: str, task: Any) -> None:
        """Let the name be used again."""
        if self._running.get(name) is task:
            del self._running[name]

    async def _operate(self, name: str, payload: dict[str, Any]) -> None:
        try:
            await self._guarded(name, self._answer(name, payload))
        finally:
            self._forget(name, asyncio.current_task())

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Tell of an error as the end of this operation alone."""
        try:
            await work
        except (Over, Hangup):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told
            await self._say(id=name, type="error", payload=body_of([refusal_of(error)])["errors"])

    async def _answer(self, name: str, payload: dict[str, Any]) -> None:
        answer = await self._operations.answer(self.socket.scope, payload, self.authorization, self._hold)
        with logs.named(answer.request_id):
            if answer.stream is not None:
                await self._guarded(name, self._follow(name, answer.stream))
            elif answer.is_executed:
                await self.socket.send(_next(name, answer.body.decode()))
                await self._say(id=name, type="complete")
            else:
                await self._say(id=name, type="error", payload=json.loads(answer.body)["errors"])

    async def _follow(self, name: str, stream: SubscriptionStream) -> None:
        started_at, status = time.perf_counter(), 200
        try:
            async with await Following.open(*stream.subscription.source) as following:
                while True:
                    for event in await _taken(following):
                        await self.socket.send(_next(name, await stream.subscription.answer(event)))
        except DomainError as refusal:
            status = refusal.status
            raise
        finally:
            stream.release()
            self.socket.log(status, time.perf_counter() - started_at)


async def _taken(following: Following) -> list[Event]:
    try:
        return await following.take()
    except Unavailable as reason:  # that is about the connection: the server ends, or the client is too slow
        raise hangup_for(reason) from reason


def _next(name: str, result: str) -> str:
    return f'{{"id":{json.dumps(name)},"type":"next","payload":{result}}}'


def _read(text: str | None) -> Any:
    try:
        if text is None:
            raise InvalidInput("text is expected")
        check_body(text.encode())
        return loads(text, parse_float=float)
    except DomainError as refusal:
        raise Hangup(BAD_REQUEST, f"Invalid message: {refusal.message}") from refusal


def _payload_of(message: dict[str, Any], default: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the payload; `default` where it is null or missing. Raises Hangup."""
    payload = message.get("payload")
    if payload is None:
        payload = default
    if not isinstance(payload, dict):
        raise Hangup(BAD_REQUEST, "Invalid message: payload must be an object")
    return payload


def _operation_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return what a client asks for. Raises Hangup for parameters of the wrong type; what they say is not looked at."""
    payload = _payload_of(message)
    for name, kinds in OPERATION.items():
        if not isinstance(payload.get(name), kinds):
            raise Hangup(BAD_REQUEST, f"Invalid message: {name} is of the wrong type")
    return payload
