"""Streams to the client, served on the event loop."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from functools import lru_cache

from connectrpc.request import RequestContext
from django.conf import settings
from google.protobuf.message import Message

from core.budgets import rate_limit_fields
from core.feed.async_reader import AsyncFeedReader
from core.models import Event
from core.permissions import anyone
from core.protocols.connect.calls import CALL
from core.protocols.connect.messages import Codec, Sent
from core.protocols.live.sender import LAST_MESSAGE_S
from core.protocols.rpc.stream_spec import CURSOR
from core.server.leases import Lease, on_loop


async def answer_stream(sent: Sent, context: RequestContext[Sent, bytes]) -> AsyncIterator[bytes]:
    """Yield the events that the service selects. When the stream ends, its trailers have the cursor to resume from."""
    call = CALL.get()
    spec = await call.on_thread(call.open, sent)
    assert spec.match is not None, "A stream without events replies to messages, and is bidirectional"  # noqa: S101
    with ExitStack() as stack:
        lease = stack.enter_context(closing(Lease()))
        lease.grant(call.service.identity, by_role=call.service.rule() is not anyone)
        lease.on_stall(settings.STREAM_STALL_S, on_loop(call.wire.disconnect), last_message_s=LAST_MESSAGE_S)
        reader = stack.enter_context(closing(await AsyncFeedReader.open(spec.match, spec.after, lease)))
        lease.check()  # the lease may have ended meanwhile
        cursor = context.response_trailers[CURSOR] = spec.after or reader.cursor
        context.response_headers.update(rate_limit_fields(call.budget), cursor=cursor)
        await call.wire.begin(context.response_headers)
        async for event in reader:
            with lease.sending():
                yield _content_of(spec.write, event, sent.codec)
            context.response_trailers[CURSOR] = event.cursor


@lru_cache(4096)
def _content_of(write: Callable[[Event], Message], event: Event, codec: Codec) -> bytes:
    # The message is the same for all clients: encode it once.
    return codec.write(write(event))
