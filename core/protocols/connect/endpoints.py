"""The endpoints that connectrpc calls: one function for each kind of method."""

from collections.abc import AsyncIterator, Callable, Mapping

from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import Endpoint
from google.protobuf.descriptor import MethodDescriptor

from core.batch import MAX_ROWS
from core.protocols.connect.calls import CALL
from core.protocols.connect.messages import BINARY, Sent
from core.protocols.connect.refusals import NoSuchMethod
from core.protocols.connect.streams import answer_stream

Context = RequestContext[Sent, bytes]
# Endpoints for unknown paths: connectrpc's own response has an empty body.
NO_METHOD, NO_STREAM = "/none", "/none-streaming"


async def answer_one(sent: Sent, context: Context) -> bytes:
    call = CALL.get()
    return await call.on_thread(call.answer, sent)


async def answer_all(stream: AsyncIterator[Sent], context: Context) -> bytes:
    """Receive the whole stream before a thread is used: no thread waits for a client."""
    call, sent = CALL.get(), []
    async for one in stream:
        sent.append(one)
        if len(sent) > MAX_ROWS:  # the service ignores the rest, and reports that
            break
    return await call.on_thread(call.answer_all, sent, sent[0].codec if sent else BINARY)


async def refuse_both_ways(stream: AsyncIterator[Sent], context: Context) -> AsyncIterator[bytes]:
    """Refuse a bidirectional method: a browser sends its whole request before it reads the response."""
    method = CALL.get().called
    path = method.service_class.web_sockets.get(method.name)
    instead = f"use the WebSocket {path}, or native gRPC" if path else "use native gRPC"
    raise NoSuchMethod(f"{method.name} streams in both directions: {instead}")
    yield b""  # makes this an async generator


async def refuse(sent: Sent, context: Context) -> bytes:
    raise NoSuchMethod("There is no such method")


async def refuse_stream(sent: Sent, context: Context) -> AsyncIterator[bytes]:
    yield await refuse(sent, context)


EndpointSpec = tuple[StreamType, Callable[..., Endpoint[Sent, bytes]], Callable[..., object]]
# The key: (the client sends a stream, the server sends a stream).
ENDPOINTS: Mapping[tuple[bool, bool], EndpointSpec] = {
    (False, False): (StreamType.UNARY, Endpoint.unary, answer_one),
    (True, False): (StreamType.CLIENT_STREAM, Endpoint.client_stream, answer_all),
    (False, True): (StreamType.SERVER_STREAM, Endpoint.server_stream, answer_stream),
    (True, True): (StreamType.BIDI_STREAM, Endpoint.bidi_stream, refuse_both_ways),
}


def endpoint_of(method: MethodDescriptor) -> Endpoint[Sent, bytes]:
    kind, make, function = ENDPOINTS[method.client_streaming, method.server_streaming]
    # GET is allowed for unary methods without side effects. connectrpc numbers the levels from 1, protobuf from 0.
    level = method.GetOptions().idempotency_level + 1 if kind is StreamType.UNARY else IdempotencyLevel.UNKNOWN
    return make(_info(method.name, method.containing_service.full_name, IdempotencyLevel(level), kind), function)


def no_method() -> dict[str, Endpoint[Sent, bytes]]:
    level = IdempotencyLevel.NO_SIDE_EFFECTS
    return {
        NO_METHOD: Endpoint.unary(_info("", "", level, StreamType.UNARY), refuse),
        NO_STREAM: Endpoint.server_stream(_info("", "", level, StreamType.SERVER_STREAM), refuse_stream),
    }


def _info(name: str, service: str, level: IdempotencyLevel, kind: StreamType) -> MethodInfo[Sent, bytes]:
    # Input and output are bytes to connectrpc: it neither decodes nor encodes messages.
    return MethodInfo(
        name=name, service_name=service, input=Sent, output=bytes, idempotency_level=level, stream_type=kind
    )
