"""Streams to the client, followed on the event loop."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, closing
from functools import lru_cache

from connectrpc.request import RequestContext
from google.protobuf.message import Message

from ecommerce import limits
from ecommerce.budgets import fields_of
from ecommerce.callers import Caller, TokenExpired
from ecommerce.connect.calls import CALL
from ecommerce.connect.messages import Form, Sent
from ecommerce.feed.events import Event
from ecommerce.live.ending import ending
from ecommerce.live.following import Following
from ecommerce.rpc.streams import CURSOR


async def watch(sent: Sent, context: RequestContext) -> AsyncIterator[bytes]:
    """Yield what the service says is to be followed, until something ends it; its cursor is in the trailers then."""
    call = CALL.get()
    with ending.told_to(call.wire.hurry), ExitStack() as stack:
        exchange = await call.on_thread(call.open, sent)
        caller = call.service.identity
        stack.callback(limits.hold_stream(user_id=caller.user.pk, address=caller.address))
        following = stack.enter_context(closing(await Following.open(exchange.match, exchange.after)))
        cursor = context.response_trailers[CURSOR] = exchange.after or following.cursor
        ending.check()  # it may have begun meanwhile
        context.response_headers.update(fields_of(call.budget), cursor=cursor)
        await call.wire.begin(context.response_headers)
        while True:
            for event in await following.take(_time_left(caller)):
                yield _content_of(exchange.write, event, sent.form)
                context.response_trailers[CURSOR] = event.cursor


def _time_left(caller: Caller) -> float | None:
    """Raises TokenExpired when there is none."""
    seconds = caller.seconds_left
    if seconds is not None and seconds <= 0:
        raise TokenExpired
    return seconds


@lru_cache(4096)
def _content_of(write: Callable[[Event], Message], event: Event, form: Form) -> bytes:
    # The same for all clients, and made once.
    return form.write(write(event))
