"""What connectrpc calls: each method of a service, by its kind."""

from collections.abc import AsyncIterator

from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import Endpoint
from google.protobuf.descriptor import MethodDescriptor

from ecommerce.batch import MAX_ROWS
from ecommerce.connect.calls import CALL
from ecommerce.connect.messages import BINARY, Sent
from ecommerce.connect.refusals import NoSuchMethod
from ecommerce.connect.streams import watch

# For paths that name no method: connectrpc's own answer is an empty page.
NO_METHOD, NO_STREAM = "/none", "/none-streaming"


async def ask(sent: Sent, context: RequestContext) -> bytes:
    call = CALL.get()
    return await call.on_thread(call.answer, sent)


async def ask_all(stream: AsyncIterator[Sent], context: RequestContext) -> bytes:
    """Take the whole stream, and then a thread: it waits for no client."""
    call, sent = CALL.get(), []
    async for one in stream:
        sent.append(one)
        if len(sent) > MAX_ROWS:  # the service says that it looks at no more
            break
    return await call.on_thread(call.answer_all, sent, sent[0].form if sent else BINARY)


async def refuse_both_ways(stream: AsyncIterator[Sent], context: RequestContext) -> AsyncIterator[bytes]:
    """A browser can't: what it sends must be whole before it is answered."""
    method = CALL.get().method
    place = method.service_class.web_sockets.get(method.name)
    instead = f"open the WebSocket {place}, or call it by gRPC" if place else "call it by gRPC"
    raise NoSuchMethod(f"{method.name} streams both ways: {instead}")
    yield b""  # an iterator all the same


async def refuse(sent: Sent, context: RequestContext) -> bytes:
    raise NoSuchMethod("There is no such method")


async def refuse_stream(sent: Sent, context: RequestContext) -> AsyncIterator[bytes]:
    yield await refuse(sent, context)


# By whether the client, and whether the server, sends a stream.
KINDS = {
    (False, False): (StreamType.UNARY, Endpoint.unary, ask),
    (True, False): (StreamType.CLIENT_STREAM, Endpoint.client_stream, ask_all),
    (False, True): (StreamType.SERVER_STREAM, Endpoint.server_stream, watch),
    (True, True): (StreamType.BIDI_STREAM, Endpoint.bidi_stream, refuse_both_ways),
}


def endpoint_of(method: MethodDescriptor) -> Endpoint:
    kind, make, function = KINDS[method.client_streaming, method.server_streaming]
    # GET is for what has one message and changes nothing.
    level = method.GetOptions().idempotency_level + 1 if kind is StreamType.UNARY else IdempotencyLevel.UNKNOWN
    return make(_info(method.name, method.containing_service.full_name, IdempotencyLevel(level), kind), function)


def no_method() -> dict[str, Endpoint]:
    level = IdempotencyLevel.NO_SIDE_EFFECTS
    return {
        NO_METHOD: Endpoint.unary(_info("", "", level, StreamType.UNARY), refuse),
        NO_STREAM: Endpoint.server_stream(_info("", "", level, StreamType.SERVER_STREAM), refuse_stream),
    }


def _info(name: str, service: str, level: IdempotencyLevel, kind: StreamType) -> MethodInfo:
    # What it takes and gives are bytes: connectrpc has nothing to do with messages.
    return MethodInfo(
        name=name, service_name=service, input=Sent, output=bytes, idempotency_level=level, stream_type=kind
    )
