"""The specification of a stream, which a streaming method returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from core.errors import DomainError
from core.feed.inbox import Match
from core.models import Event

CURSOR = "cursor"  # the metadata with a cursor of the feed


def _no_events(event: Event) -> Message:
    raise NotImplementedError("A stream with `match` needs `write`")


def _no_reply(message: Any) -> Message | None:
    return None


def _ends_the_stream(message: Any, refusal: DomainError) -> Message:
    raise refusal


@dataclass(frozen=True)
class StreamSpec:
    """The result of a streaming method: the events for its client, and the handling of the client's messages.

    `write` makes the message for an event, the same for all clients. `reply` returns the reply to a message, or None;
    `refused` makes the reply for an exception that `reply` raises, and without it the exception ends the stream. Each
    message counts as a request of the caller. Without `match` the stream follows no events, and ends after the client's
    last message.
    """

    match: Match | None = None
    write: Callable[[Event], Message] = _no_events
    after: str | None = None
    reply: Callable[[Any], Message | None] = _no_reply
    refused: Callable[[Any, DomainError], Message] = _ends_the_stream
