"""Methods that answer with a stream.

No stream holds a thread. What the feed has is sent by whichever thread brings it; the database is asked on the few
threads of WORKERS, which all streams share. Of each stream one message at a time is on its way: a client that takes
none for GRPC_STALL_S is cut off, and costs nobody else anything until then. No stream outlives its caller's token.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import grpc
from django.conf import settings
from google.protobuf.message import Message

from ecommerce import limits, logs
from ecommerce.callers import TokenExpired
from ecommerce.errors import DomainError, InvalidInput
from ecommerce.feed.events import Event
from ecommerce.feed.hub import Follower, Match, SlowReader
from ecommerce.rpc.calls import WAITING, WORKERS
from ecommerce.rpc.errors import (
    GONE,
    ClientGone,
    Metadata,
    Status,
    budget_metadata,
    refusal_of,
    request_metadata,
    status_of,
)
from ecommerce.rpc.methods import Method, not_arrived, readable
from ecommerce.rpc.wire import Wire

log = logging.getLogger(__name__)
MAX_REPLIES_WAITING = 100  # then no more is received until the client has taken some
CURSOR = "cursor"


@dataclass(frozen=True)
class Exchange:
    """What a streaming method returns: which events its client gets, and what becomes of what the client sends.

    `write` makes a message of an event, the same for all clients. `reply` gives the answer to a message, or None;
    `refused` makes an answer of what it raises. Without `match` nothing is followed, and the stream ends when the
    client has sent its last message.
    """

    match: Match | None = None
    write: Callable[[Event], Message] | None = None
    after: str | None = None
    reply: Callable[[Any], Message | None] | None = None
    refused: Callable[[Any, DomainError], Message] | None = None


class Streaming(Method):
    """A method that answers with a stream."""

    experimental_non_blocking = True  # grpcio then takes its return for no answer, and its thread back

    def __call__(self, requests: Any, context: Any, send: Any) -> None:
        Stream(self, context).open()

    def handler(self) -> grpc.RpcMethodHandler:
        return grpc.stream_stream_rpc_method_handler(self)

    def start(self, stream: "Stream") -> None:
        """Go on once the caller is known."""
        raise NotImplementedError

    def exchange(self, stream: "Stream", request: Any) -> None:
        service = stream.service
        service.request = request
        stream.begin(getattr(service, self.name)(request, service.context))


class Watching(Streaming):
    """One message from the client, and then a stream to it."""

    def start(self, stream: "Stream") -> None:
        stream.wire.receive(lambda content: stream.work(self._watch, stream, content))

    def _watch(self, stream: "Stream", content: bytes | None) -> None:
        stream.service.check_is_awaited()
        if content is None:
            raise InvalidInput("One message is expected")
        self.exchange(stream, readable(self.read(content)))


class Live(Streaming):
    """A stream both ways."""

    def start(self, stream: "Stream") -> None:
        stream.work(self._talk, stream)

    def _talk(self, stream: "Stream") -> None:
        self.exchange(stream, None)
        stream.listen()


class Stream:
    """One open stream."""

    def __init__(self, method: Streaming, context: Any) -> None:
        self.method, self.context, self.wire = method, context, Wire(context)
        self.service = method.service_for(context)
        self.exchange = Exchange()
        self.cursor = ""  # of the last event that was sent
        self._sending_since: float | None = None
        self._expires_at = float("inf")
        self._opened_at, self._started_at = time.monotonic(), time.perf_counter()
        self._lock = threading.Lock()
        self._outbox: deque[tuple[bytes, str | None]] = deque()
        self._follower: Follower | None = None
        self._leftovers: list[Callable[[], None]] = []  # what is to be given back when it is over
        self._has_begun = self._is_filling = self._is_deaf = self._is_over = False
        self._reason: DomainError | None = None  # why it ends
        self._is_ending = False
        self._code = grpc.StatusCode.CANCELLED

    # -- Opening ------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Name the caller, and go on when the caller may."""
        with logs.named(self.service.metadata.get("x-request-id", "")) as self.request_id:
            WAITING.add(self)
            if not self.context.add_callback(self._close):
                self._close()
                return
            self._guarded(self._enter)

    def _enter(self) -> None:
        self.service.check_is_awaited()
        self.service.enter()
        seconds_left = self.service.identity.seconds_left
        if seconds_left is not None:
            self._expires_at = time.monotonic() + seconds_left
        self._give_back(limits.hold_stream(user_id=self.service.caller.pk, address=self.service.address))
        self.method.start(self)

    def begin(self, exchange: Exchange) -> None:
        """Follow the feed, where there is something to follow, and tell the client where it begins."""
        self.exchange = exchange
        # Told at the beginning: at the end of a stream it would be of another minute.
        metadata = (*request_metadata(), *budget_metadata(self.service.budget))
        if exchange.match is not None:
            follower = Follower(exchange.match, self.wake, exchange.after)
            self._give_back(follower.close)
            self._follower, self.cursor = follower, exchange.after or follower.cursor
            metadata += ((CURSOR, self.cursor),)
        with self._lock:
            if self._is_over or self._is_ending:
                return
            self.context.send_initial_metadata(metadata)
            self._has_begun = True
        self.wake()

    def _give_back(self, leftover: Callable[[], None]) -> None:
        """Call this when the stream is over, or now that it is."""
        with self._lock:
            is_over = self._is_over
            if not is_over:
                self._leftovers.append(leftover)
        if is_over:
            leftover()

    # -- Sending ------------------------------------------------------------------------------------------------
    def wake(self) -> None:
        """Begin to send the next message, unless one is on its way."""
        try:
            with self._lock:
                if not self._has_begun or self._is_over or self._is_ending or self._sending_since is not None:
                    return
                waiting = self._next()
                if waiting is None:
                    return
                self._sending_since = time.monotonic()
        except DomainError as reason:  # the feed's: this reader was too slow
            self.end(reason)
            return
        content, cursor = waiting
        self.wire.send(content, lambda: self._sent(cursor))

    def _next(self) -> tuple[bytes, str | None] | None:
        if not self._outbox and self._follower is not None:
            if self._follower.is_replaying:
                if not self._is_filling:
                    self._is_filling = True
                    self.work(self._fill)
            else:
                self._outbox.extend(self._written(self._follower.take()))
        return self._outbox.popleft() if self._outbox else None

    def _fill(self) -> None:
        """Read on where the client left off."""
        events = self._written(self._follower.take()) if self._follower else []
        with self._lock:
            self._outbox.extend(events)
            self._is_filling = False
        self.wake()

    def _written(self, events: list[Event]) -> list[tuple[bytes, str | None]]:
        return [(_content_of(self.exchange.write, event), event.cursor) for event in events]

    def _sent(self, cursor: str | None) -> None:
        with self._lock:
            self._sending_since = None
            self.cursor = cursor or self.cursor
            is_ending, listens = self._is_ending, self._is_deaf and not self._outbox
            if listens:
                self._is_deaf = False
        if is_ending:
            self._finish()
            return
        if listens:
            self.listen()
        self.wake()

    # -- Receiving ----------------------------------------------------------------------------------------------
    def listen(self) -> None:
        self.wire.receive(self._received)

    def _received(self, content: bytes | None) -> None:
        if content is not None:
            self.work(self._reply, content)
        elif self.exchange.match is None:
            self.end()

    def _reply(self, content: bytes) -> None:
        self.service.check_is_awaited()
        message = readable(self.method.read(content))
        try:
            answer = self.exchange.reply(message)
        except Exception as error:  # noqa: BLE001  # the stream goes on
            answer = self.exchange.refused(message, refusal_of(error))
        with self._lock:
            if answer is not None:
                self._outbox.append((answer.SerializeToString(), None))
            self._is_deaf = len(self._outbox) >= MAX_REPLIES_WAITING
            listens = not self._is_deaf
        self.wake()
        if listens:
            self.listen()

    # -- Ending -------------------------------------------------------------------------------------------------
    def end(self, reason: DomainError | None = None) -> None:
        """End with a reason, or as asked for; after the message that is on its way."""
        with self._lock:
            if self._is_ending or self._is_over:
                return
            self._is_ending, self._reason = True, reason
            if self._sending_since is not None:
                return
        self._finish()

    def end_with_server(self, reason: DomainError) -> None:
        self.end(reason)

    def look(self, now: float) -> None:
        if self._is_stalled(now):
            self._give_up()
        elif now > self._expires_at:
            self.end(TokenExpired())

    def _is_stalled(self, now: float) -> bool:
        if self._sending_since is not None:
            return now - self._sending_since > settings.GRPC_STALL_S
        return not self._has_begun and now - self._opened_at > settings.BODY_TIMEOUT_S

    def _give_up(self) -> None:
        """End at once, whatever is on its way."""
        reason = SlowReader("slow_reader: nothing was taken for too long, take up from the last cursor")
        with logs.named(self.request_id):
            status = status_of(reason if self._has_begun else not_arrived())
        self._code = status.code
        self.wire.cut(status.code, status.details)

    def _finish(self) -> None:
        with logs.named(self.request_id):
            at = ((CURSOR, self.cursor),) if self.cursor else ()
            done = Status(grpc.StatusCode.OK, "", (*request_metadata(), *at))
            status = done if self._reason is None else status_of(self._reason, *at, *self._budget())
        self._code = status.code
        self.wire.end(*status)

    def _budget(self) -> Metadata:
        return () if self._has_begun else budget_metadata(self.service.budget, self._reason)

    def _close(self) -> None:
        """Leave nothing behind: the call is over, whoever ended it."""
        with self._lock:
            self._is_over = True
            leftovers, self._outbox = self._leftovers, deque()
        for leftover in leftovers:
            leftover()
        WAITING.discard(self)
        with logs.named(self.request_id):
            self.method.log(self.service, self._code, self._started_at)

    # -- Threads ------------------------------------------------------------------------------------------------
    def work(self, job: Callable[..., None], *args: Any) -> None:
        """Do a job on a thread that may ask the database."""
        WORKERS.submit(self._work, job, *args)

    def _work(self, job: Callable[..., None], *args: Any) -> None:
        with logs.named(self.request_id):
            self._guarded(job, *args)

    def _guarded(self, job: Callable[..., None], *args: Any) -> None:
        """Do a job; what it raises ends the stream."""
        try:
            with self.method.connected():
                job(*args)
        except (ClientGone, grpc.RpcError):
            log.debug(GONE)
        except Exception as error:  # noqa: BLE001  # none may reach grpcio, which would tell its text
            self.end(refusal_of(error))


@lru_cache(4096)
def _content_of(write: Callable[[Event], Message], event: Event) -> bytes:
    # The same for all clients, and made once.
    return write(event).SerializeToString()
