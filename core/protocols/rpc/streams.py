"""Methods that respond with a stream.

No stream holds a thread. The thread that delivers an event of the feed also sends it; database queries run on the few
threads of GrpcWorkers, which all streams share. Each stream has one message in flight: a client that reads
nothing for GRPC_STALL_S is disconnected. Until then it does not slow down other clients. A stream ends when its caller
loses the right to it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache

import grpc
from django.conf import settings
from google.protobuf.message import Message

from core.errors import DomainError, InvalidInput
from core.faults import refusal_for
from core.feed.inbox import SlowReader
from core.feed.reader import FeedReader
from core.models import Event
from core.permissions import anyone
from core.protocols.rpc.calls import GrpcWorkers
from core.protocols.rpc.errors import (
    GONE,
    GrpcStatus,
    Metadata,
    budget_metadata,
    request_metadata,
    status_of,
)
from core.protocols.rpc.methods import Method, not_arrived, readable
from core.protocols.rpc.stream_spec import CURSOR, StreamSpec
from core.protocols.rpc.wire import GrpcWire
from core.rates import limits
from core.rates.floods import FloodGuard
from core.runtime import singleton
from core.server import logs
from core.server.bodies import ClientGone
from core.server.leases import Lease
from core.server.open_calls import OpenCalls
from core.server.threads import no_answer

log = logging.getLogger(__name__)
MAX_REPLIES_WAITING = 100  # then receiving pauses until the client has read some replies


class StreamingMethod(Method):
    """A method that responds with a stream."""

    experimental_non_blocking = True  # grpcio's thread is free when `__call__` returns; the call continues

    def __call__(self, requests: object, context: grpc.ServicerContext, send: object) -> None:
        Stream(self, context).open()

    def handler(self) -> grpc.RpcMethodHandler:
        handler: grpc.RpcMethodHandler = grpc.stream_stream_rpc_method_handler(self)
        return handler

    def start(self, stream: "Stream") -> None:
        """Continue once the caller is authenticated."""
        raise NotImplementedError

    def call(self, stream: "Stream", request: object) -> None:
        service = stream.service
        service.request = request
        stream.begin(getattr(service, self.name)(request, service.context))


class ServerStreaming(StreamingMethod):
    """A method with one message from the client and a stream to it."""

    def start(self, stream: "Stream") -> None:
        stream.opening_since = None
        stream.wire.receive(lambda content: self._arrived(stream, content))

    def _arrived(self, stream: "Stream", content: bytes | None) -> None:
        stream.opening_since = time.monotonic()
        stream.work(self._start_late, stream, content)

    def _start_late(self, stream: "Stream", content: bytes | None) -> None:
        stream.service.check_is_awaited()
        if content is None:
            raise InvalidInput("One message is expected")
        self.call(stream, readable(self.read(content)))


class BidiStreaming(StreamingMethod):
    """A method with a stream in both directions."""

    def start(self, stream: "Stream") -> None:
        stream.work(self._start_now, stream)

    def _start_now(self, stream: "Stream") -> None:
        self.call(stream, None)
        stream.receive()


class Stream:
    """One open stream."""

    def __init__(self, method: StreamingMethod, context: grpc.ServicerContext) -> None:
        self.method, self.context, self.wire = method, context, GrpcWire(context)
        self.service = method.service_for(context)
        self.spec = StreamSpec()
        self.cursor = ""  # the cursor of the last event that was sent
        self._lease = Lease()
        self._opened_at, self._started_at = time.monotonic(), time.perf_counter()
        self.opening_since: float | None = self._opened_at  # None while waiting for the client's first message
        self._lock = threading.Lock()
        self._outbox: deque[tuple[bytes, str | None]] = deque()
        self._reader: FeedReader | None = None
        self._releases: list[Callable[[], None]] = []  # functions that release resources when the stream is over
        self._has_begun = self._is_filling = self._is_receiving_paused = self._is_over = False
        self._is_complete = False  # the client has sent its last message, and only its replies are left to send
        self._flood_guard = FloodGuard()
        self._reason: DomainError | None = None  # the reason why the stream ends
        self._is_ending = False
        self._code = grpc.StatusCode.CANCELLED

    # -- Opening ------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Authenticate and authorize the caller, and start the method."""
        with logs.in_request(self.service.metadata.get("x-request-id", "")) as self.request_id:
            singleton(OpenCalls).add(self)  # until it has begun; from then on its lease checks and ends it
            if not self.context.add_callback(self._close):
                self._close()
                return
            self._guarded(self._enter)

    def _enter(self) -> None:
        self.service.check_is_awaited()
        self.service.enter()
        self._lease.on_stall(settings.GRPC_STALL_S, self._give_up)
        try:
            self._lease.grant(self.service.identity, by_role=self.service.rule() is not anyone)
            self._lease.start(self.end)
        finally:
            self._release_at_end(self._lease.close)
        self.method.start(self)

    def begin(self, spec: StreamSpec) -> None:
        """Follow the feed if the spec has a `match`; send the initial metadata, with the stream's first cursor."""
        self.spec = spec
        # The budget is sent at the beginning: at the end of the stream it would be that of a later minute.
        metadata = (*request_metadata(), *budget_metadata(self.service.budget))
        if spec.match is not None:
            reader = FeedReader(spec.match, self.wake, spec.after)
            self._release_at_end(reader.close)
            self._reader, self.cursor = reader, spec.after or reader.cursor
            metadata += ((CURSOR, self.cursor),)
        with self._lock:
            if self._is_over or self._is_ending:
                return
            self.context.send_initial_metadata(metadata)
            self._has_begun = True
        singleton(OpenCalls).discard(self)
        self.wake()

    def _release_at_end(self, release: Callable[[], None]) -> None:
        """Call a function that releases a resource when the stream is over; if it is over already, call it now."""
        with self._lock:
            is_over = self._is_over
            if not is_over:
                self._releases.append(release)
        if is_over:
            release()

    # -- Sending ------------------------------------------------------------------------------------------------
    def wake(self) -> None:
        """Begin to send the next message, unless one is in flight."""
        try:
            with self._lock:
                if not self._has_begun or self._is_over or self._is_ending or self._lease.sending_since is not None:
                    return
                self._lease.check()
                waiting = self._next()
                if waiting is None:
                    return
                self._lease.sending_since = time.monotonic()
        except DomainError as reason:  # from the feed, for example if this client reads too slowly
            self.end(reason)
            return
        content, cursor = waiting
        self.wire.send(content, lambda: self._sent(cursor))

    def _next(self) -> tuple[bytes, str | None] | None:
        if not self._outbox and self._reader is not None:
            if self._reader.is_replaying:
                if not self._is_filling:
                    self._is_filling = True
                    self.work(self._fill)
            else:
                self._outbox.extend(self._written(self._reader.take()))
        return self._outbox.popleft() if self._outbox else None

    def _fill(self) -> None:
        """Read the next events after the client's cursor."""
        events = self._written(self._reader.take()) if self._reader else []
        with self._lock:
            self._outbox.extend(events)
            self._is_filling = False
        self.wake()

    def _written(self, events: list[Event]) -> list[tuple[bytes, str | None]]:
        return [(_content_of(self.spec.write, event), event.cursor) for event in events]

    def _sent(self, cursor: str | None) -> None:
        with self._lock:
            self._lease.sending_since = None
            self.cursor = cursor or self.cursor
            is_ending, resumes = self._is_ending, self._is_receiving_paused and not self._outbox
            if resumes:
                self._is_receiving_paused = False
            is_complete = self._is_complete and not self._outbox
        if is_ending:
            self._finish()
            return
        if is_complete:
            self.end()
            return
        if resumes:
            self.receive()
        self.wake()

    # -- Receiving ----------------------------------------------------------------------------------------------
    def receive(self) -> None:
        self.wire.receive(self._received)

    def _received(self, content: bytes | None) -> None:
        if content is not None:
            self.work(self._reply, content)
        elif self.spec.match is None:
            self._end_after_replies()

    def _end_after_replies(self) -> None:
        """End when the replies to the client's last messages are sent."""
        with self._lock:
            self._is_complete = True
            if self._outbox or self._lease.sending_since is not None:
                return
        self.end()

    def _reply(self, content: bytes) -> None:
        self.service.check_is_awaited()
        message = readable(self.method.read(content))
        refusal = None
        try:
            limits.spend_request(user_id=self.service.caller.pk, address=self.service.address)
            answer = self.spec.reply(message)
        except Exception as error:  # noqa: BLE001  # the stream goes on
            refusal = refusal_for(error)
            answer = self.spec.refused(message, refusal)
        self._flood_guard.note(refusal)
        with self._lock:
            if answer is not None:
                self._outbox.append((answer.SerializeToString(), None))
            self._is_receiving_paused = len(self._outbox) >= MAX_REPLIES_WAITING
            resumes = not self._is_receiving_paused
        self.wake()
        if resumes:
            self.receive()

    # -- Ending -------------------------------------------------------------------------------------------------
    def end(self, reason: DomainError | None = None) -> None:
        """End with the reason, or normally if there is none; a message in flight is sent first."""
        with self._lock:
            if self._is_ending or self._is_over:
                return
            self._is_ending, self._reason = True, reason
            if self._lease.sending_since is not None:
                return
        self._finish()

    def end_with_server(self, reason: DomainError) -> None:
        self.end(reason)

    def check_timeouts(self, now: float) -> None:
        """End a stream that has not begun in time, because its client or its method is late."""
        since = self.opening_since
        if self._has_begun:
            return
        if now - self._opened_at > settings.BODY_TIMEOUT_S:
            self._give_up()
        elif since is not None and now - since > settings.ANSWER_TIMEOUT_S:
            self.end(no_answer())

    def _give_up(self) -> None:
        """End at once, and drop the message in flight."""
        reason = SlowReader("slow_reader: the client read nothing for too long, resume from the last cursor")
        with logs.in_request(self.request_id):
            status = status_of(reason if self._has_begun else not_arrived())
        self._code = status.code
        self.wire.cut(status.code, status.details)

    def _finish(self) -> None:
        with logs.in_request(self.request_id):
            at = ((CURSOR, self.cursor),) if self.cursor else ()
            done = GrpcStatus(grpc.StatusCode.OK, "", (*request_metadata(), *at))
            status = done if self._reason is None else status_of(self._reason, *at, *self._budget())
        self._code = status.code
        self.wire.end(*status)

    def _budget(self) -> Metadata:
        return () if self._has_begun else budget_metadata(self.service.budget, self._reason)

    def _close(self) -> None:
        """Release all resources: the call is over, whichever side ended it."""
        with self._lock:
            self._is_over = True
            releases, self._outbox = self._releases, deque()
        for release in releases:
            release()
        singleton(OpenCalls).discard(self)
        with logs.in_request(self.request_id):
            self.method.log(self.service, self._code, self._started_at)

    # -- Threads ------------------------------------------------------------------------------------------------
    def work(self, job: Callable[..., None], *args: object) -> None:
        """Run a job on a thread that may query the database."""
        singleton(GrpcWorkers).submit(self._work, job, *args)

    def _work(self, job: Callable[..., None], *args: object) -> None:
        with logs.in_request(self.request_id, "grpc"):
            self._guarded(job, *args)

    def _guarded(self, job: Callable[..., None], *args: object) -> None:
        """Run a job; an exception in it ends the stream."""
        try:
            with self.method.connected():
                job(*args)
        except (ClientGone, grpc.RpcError):
            log.debug(GONE)
        except Exception as error:  # noqa: BLE001  # grpcio would send its text to the client
            self.end(refusal_for(error))


@lru_cache(4096)
def _content_of(write: Callable[[Event], Message], event: Event) -> bytes:
    # The message is the same for all clients: serialize it once.
    content: bytes = write(event).SerializeToString()
    return content
