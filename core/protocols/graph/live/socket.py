"""/graphql over WebSockets, with the protocol graphql-transport-ws.

Each operation runs as a plain request to /graphql: the WSGI application counts, limits, executes and logs it on the web
threads. If the operation is a subscription, the response is a stream, and this module sends its events.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from functools import partial
from types import NoneType
from typing import Any

from core.callers import Caller, counted_caller_of, stranger_at
from core.errors import DomainError, InvalidInput, RateLimited, Unauthenticated, Unavailable
from core.faults import refusal_for
from core.feed.async_reader import AsyncFeedReader
from core.models import Event
from core.protocols.graph.errors import graphql_body
from core.protocols.graph.limits import MAX_BODY_BYTES, check_body
from core.protocols.graph.live.streams import SubscriptionStream
from core.protocols.graph.operations import Operations
from core.protocols.live.sockets import CloseSocket, Socket, SocketClosed, close_for
from core.rates import limits
from core.rates.floods import Flooded, FloodGuard
from core.server import logs
from core.server.asgi import Receive, Scope, Send
from core.server.rights import RightsGained
from core.server.stream_threads import ask
from core.server.threads import QueueFull, ThreadPool
from core.validation.strict_json import finite_float, loads

PROTOCOL = "graphql-transport-ws"
INIT_TIMEOUT_S = 10
MAX_OPERATIONS = 100  # in flight per connection
RETRY_S = 1  # an operation may have ended by then
MAX_ID_LENGTH = 128
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_ACCEPTABLE, INIT_TIMEOUT = 4400, 4401, 4403, 4406, 4408
DUPLICATE, TOO_MANY_INITS = 4409, 4429
OBJECT = (dict, NoneType)
PARAMETER_TYPES: dict[str, type | tuple[type, ...]] = {
    "query": str,
    "operationName": (str, NoneType),
    "variables": OBJECT,
    "extensions": OBJECT,
}


class GraphQLSockets:
    """An ASGI application for WebSockets only; `application` runs the operations on the threads of `pool`."""

    def __init__(self, application: Callable[..., Any], pool: ThreadPool) -> None:
        self.operations = Operations(application, pool)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = Socket(scope, receive, send)
        await socket.run(Conversation(socket, self.operations).run)


class Conversation:
    """One connection and its operations."""

    def __init__(self, socket: Socket, operations: Operations) -> None:
        self.socket, self._operations = socket, operations
        self.caller: Caller | None = None  # None until the client has sent connection_init
        self.authorization = socket.headers.get("authorization", "")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._shared_slots = [1]  # the connection's slot; empty while a subscription uses it
        self._flood_guard = FloodGuard()

    async def run(self) -> None:
        self.socket.lease.grant(stranger_at(self.socket.address))
        has_protocol = PROTOCOL in self.socket.scope["subprotocols"]
        await self.socket.accept(PROTOCOL if has_protocol else None)
        if not has_protocol:
            raise CloseSocket(NOT_ACCEPTABLE, f"Subprotocol not acceptable: use {PROTOCOL}")
        try:
            async with asyncio.timeout(INIT_TIMEOUT_S):
                while self.caller is None:
                    await self._handle_next()
        except TimeoutError as error:
            raise CloseSocket(INIT_TIMEOUT, "Connection initialisation timeout") from error
        while True:
            await self._handle_next()

    def _hold(self, **caller: Any) -> Callable[[], None]:
        """Count a subscription as `limits.hold_stream` does, and return its release. Thread-safe.

        The connection has a slot already: one subscription at a time shares it, and is not counted again.
        """
        try:
            slot = self._shared_slots.pop()
        except IndexError:
            return limits.hold_stream(**caller)
        return lambda: self._shared_slots.append(slot)

    # -- Messages -----------------------------------------------------------------------------------------------
    async def _handle_next(self) -> None:
        message = _parsed(await self.socket.receive(MAX_BODY_BYTES))
        match message:
            case {"type": "connection_init"}:
                await self._initialise(_payload_of(message, {}))
            case {"type": "ping"}:
                _payload_of(message, {})
                await self._count()
                await self._send({**message, "type": "pong"})
            case {"type": "pong"}:
                _payload_of(message, {})
                await self._count()
            case {"type": "subscribe", "id": str(operation_id)} if 0 < len(operation_id) <= MAX_ID_LENGTH:
                await self._start_operation(operation_id, _operation_of(message))
            case {"type": "complete", "id": str(operation_id)}:
                await self._cancel_operation(operation_id)
            case _:
                raise CloseSocket(BAD_REQUEST, "Invalid message")

    async def _count(self) -> None:
        """Count a message that is not an operation; /graphql counts operations. Raises Flooded.

        A message over the budget is still processed, so that a client that pings now and then gets its pong.
        If the database is down, the message is not counted, and the connection stays open.
        """
        user_id = self.caller.user.pk if self.caller else None
        refusal: DomainError | None = None
        try:
            await ask(partial(limits.spend_request, user_id=user_id, address=self.socket.address))
        except Exception as error:  # noqa: BLE001  # an outage of the database does not end the connection
            refusal = refusal_for(error)
        self._flood_guard.note(refusal)

    async def _send(self, message: dict[str, object]) -> None:
        await self.socket.send(json.dumps(message))

    async def _send_errors(self, operation_id: str, body: dict[str, Any]) -> None:
        await self._send({"id": operation_id, "type": "error", "payload": body["errors"]})

    async def _initialise(self, payload: dict[str, Any]) -> None:
        if self.caller is not None:
            raise CloseSocket(TOO_MANY_INITS, "Too many initialisation requests")
        given = {name.lower(): value for name, value in payload.items()}.get("authorization", self.authorization)
        self.authorization = given if isinstance(given, str) else ""
        try:
            self.caller = await ask(counted_caller_of, {"authorization": self.authorization}, self.socket.address)
            self.socket.lease.grant(self.caller)
        except Unavailable:
            raise
        except DomainError as refusal:
            raise CloseSocket(FORBIDDEN, f"Forbidden: {refusal.message}") from refusal
        await self._send({"type": "connection_ack"})

    # -- Operations ---------------------------------------------------------------------------------------------
    async def _start_operation(self, operation_id: str, payload: dict[str, Any]) -> None:
        if self.caller is None:
            raise CloseSocket(UNAUTHORIZED, "Unauthorized")
        if operation_id in self._running:
            raise CloseSocket(DUPLICATE, f"Subscriber for {operation_id} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            await self._count()
            refusal = RateLimited(f"Rate limit exceeded: operations max is {MAX_OPERATIONS}", retry_after_s=RETRY_S)
            await self._send_errors(operation_id, graphql_body([refusal]))
            return
        self._running[operation_id] = self.socket.start(self._run_operation(operation_id, payload))

    async def _cancel_operation(self, operation_id: str) -> None:
        if task := self._running.get(operation_id):
            task.cancel()
            self._forget(operation_id, task)
        # Counted, because an operation that is cancelled before it starts is not counted by /graphql.
        await self._count()

    def _forget(self, operation_id: str, task: object) -> None:
        """Allow the client to reuse the id of an operation that has ended."""
        if self._running.get(operation_id) is task:
            del self._running[operation_id]

    async def _run_operation(self, operation_id: str, payload: dict[str, Any]) -> None:
        try:
            await self._reporting_errors(operation_id, self._execute(operation_id, payload))
        finally:
            self._forget(operation_id, asyncio.current_task())

    async def _reporting_errors(self, operation_id: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`; if it fails, send the error and end only this operation."""
        try:
            await work
        except (SocketClosed, CloseSocket, Flooded):
            raise
        except Exception as error:  # noqa: BLE001  # the client gets every error
            await self._send_errors(operation_id, graphql_body([refusal_for(error)]))

    async def _execute(self, operation_id: str, payload: dict[str, Any]) -> None:
        answer = await self._operations.answer(self.socket.scope, payload, self.authorization, self._hold)
        self._flood_guard.note(RateLimited() if answer.status == RateLimited().status else None)
        with logs.in_request(answer.request_id):
            if answer.stream is not None:
                await self._reporting_errors(operation_id, self._stream_events(operation_id, answer.stream))
            elif answer.is_executed:
                await self.socket.send(_next_message(operation_id, answer.body.decode()))
                await self._send({"id": operation_id, "type": "complete"})
            else:
                await self._send_errors(operation_id, json.loads(answer.body))

    async def _stream_events(self, operation_id: str, stream: SubscriptionStream) -> None:
        started_at, status = time.perf_counter(), 200
        try:
            await self._send_events(operation_id, stream)
        except Unauthenticated as reason:  # it concerns the whole connection
            status = reason.status
            raise close_for(reason) from reason
        except DomainError as refusal:
            status = refusal.status
            raise
        finally:
            stream.release()
            self.socket.log(status, time.perf_counter() - started_at)

    async def _send_events(self, operation_id: str, stream: SubscriptionStream) -> None:
        async with await stream.open_reader() as reader:
            while True:
                event = await _next_event(reader)
                await self.socket.send(_next_message(operation_id, await stream.subscription.answer(event)))


async def _next_event(reader: AsyncFeedReader) -> Event:
    try:
        return await anext(reader)
    except (RightsGained, QueueFull):
        raise
    except Unavailable as reason:  # it concerns the whole connection: the server shuts down, or the client is too slow
        raise close_for(reason) from reason


def _next_message(operation_id: str, result: str) -> str:
    return f'{{"id":{json.dumps(operation_id)},"type":"next","payload":{result}}}'


def _parsed(text: str | None) -> Any:
    try:
        if text is None:
            raise InvalidInput("text is expected")
        check_body(text.encode())
        return loads(text, parse_float=finite_float)
    except DomainError as refusal:
        raise CloseSocket(BAD_REQUEST, f"Invalid message: {refusal.message}") from refusal


def _payload_of(message: dict[str, Any], default: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the payload, or `default` if it is null or missing. Raises CloseSocket if it is not an object."""
    payload = message.get("payload")
    if payload is None:
        payload = default
    if not isinstance(payload, dict):
        raise CloseSocket(BAD_REQUEST, "Invalid message: payload must be an object")
    return payload


def _operation_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of an operation. Raises CloseSocket if a type is wrong; /graphql checks the values."""
    payload = _payload_of(message)
    for name, kinds in PARAMETER_TYPES.items():
        if not isinstance(payload.get(name), kinds):
            raise CloseSocket(BAD_REQUEST, f"Invalid message: {name} has the wrong type")
    return payload
