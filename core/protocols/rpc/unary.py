"""Methods with one message and one response.

If a call has no response within ANSWER_TIMEOUT_S, its client gets UNAVAILABLE; its thread still finishes the work.
On the wire a unary call is a stream of one message, and this module handles it as such a stream. A call gets a thread
when its message has arrived. So no thread waits for a client, and each message changes threads only once. If a message
is late, the caller is authenticated before it arrives.
"""

import threading
import time
from collections.abc import Callable
from functools import partial

import grpc
from django.conf import settings

from core.errors import DomainError, InvalidInput
from core.faults import refusal_for
from core.postgresql.replicas import reads_may_lag
from core.protocols.rpc import methods
from core.protocols.rpc.calls import GrpcWorkers, ResponseSender, Threads
from core.protocols.rpc.errors import GONE, Metadata, budget_metadata, request_metadata, status_of
from core.protocols.rpc.methods import Method, not_arrived, readable
from core.protocols.rpc.wire import AtOnce, GrpcWire
from core.runtime import singleton
from core.server import logs
from core.server.bodies import ClientGone
from core.server.open_calls import OpenCalls
from core.server.threads import no_answer
from core.server.tracing.hooks import call_span

LAST_S = 1  # time for a message to arrive when the server shuts down


class Unary(Method):
    experimental_thread_pool = AtOnce(1)  # calls `begin` on the completion queue's thread
    threads: Threads | None = None  # the threads that run calls; None for GrpcWorkers

    def begin(self, context: grpc.ServicerContext) -> None:
        UnaryCall(self, context).begin()

    def handler(self) -> grpc.RpcMethodHandler:
        handler: grpc.RpcMethodHandler = grpc.stream_stream_rpc_method_handler(self)
        return handler


class UnaryCall:
    """One call, from its message to the response."""

    def __init__(self, method: Unary, context: grpc.ServicerContext) -> None:
        self.method, self.wire, self._open_calls = method, GrpcWire(context), singleton(OpenCalls)
        self.service = method.service_for(context)
        self._opened_at, self._started_at = time.monotonic(), time.perf_counter()
        self._lock = threading.Lock()
        self._content: bytes | None = None
        self._last_at = float("inf")
        self._reason: DomainError | None = None
        self._working_since: float | None = None  # None while waiting for the client
        self._has_arrived = self._is_entered = self._is_timed_out = self._is_over = False

    @property
    def is_given_to_threads(self) -> bool:
        """Whether the call runs on a thread, or waits for one."""
        return self._working_since is not None

    # -- On the thread of the completion queue, which must not block ----------------------------------------------
    def begin(self) -> None:
        self.request_id = logs.valid_request_id(self.service.metadata.get("x-request-id", ""))
        self._open_calls.add(self)
        if not self.wire.receive(self._received):
            with logs.in_request(self.request_id):
                self._finish(grpc.StatusCode.CANCELLED, GONE, request_metadata())

    def _received(self, content: bytes | None) -> None:
        with self._lock:
            if self._is_timed_out or self._is_over:
                return
            self._content, self._has_arrived = content, True
            is_taken = self._working_since is not None
            self._working_since = time.monotonic()
        if not is_taken:
            self._submit(self._answer)

    def _submit(self, job: Callable[[], None]) -> None:
        (self.method.threads or singleton(GrpcWorkers)).submit(self._work, job)

    # -- On a thread --------------------------------------------------------------------------------------------
    def _work(self, job: Callable[[], None]) -> None:
        with logs.in_request(self.request_id, "grpc"), call_span(self.method.path, self.service.metadata):
            self._guarded(job)

    def _answer(self) -> None:
        self._open_calls.check_new_calls()
        self.service.check_is_awaited()
        if not self._is_entered:
            self.service.enter()
        if self._content is None:
            raise InvalidInput("One message is expected")
        self.service.request = readable(self.method.read(self._content))
        with reads_may_lag(self.service.caller_id is None):
            response = getattr(self.service, self.method.name)(self.service.request, self.service.context)
        metadata = (*request_metadata(), *budget_metadata(self.service.budget))
        self._finish(grpc.StatusCode.OK, "", metadata, response.SerializeToString())

    def _enter(self) -> None:
        """Authenticate the caller, and go on if the message has arrived meanwhile."""
        self._open_calls.check_new_calls()
        self.service.check_is_awaited()
        self.service.enter()
        with self._lock:
            self._is_entered, has_arrived = True, self._has_arrived
            if not has_arrived:
                self._working_since = None
        if has_arrived:
            self._answer()

    def _guarded(self, job: Callable[[], None]) -> None:
        """Run a job; an exception in it becomes the status of the call. Close the connection if the job broke it."""
        try:
            job()
        except ClientGone:
            self._finish(grpc.StatusCode.CANCELLED, GONE, request_metadata())
        except Exception as error:  # noqa: BLE001  # grpcio would send its text to the client
            refusal = refusal_for(error)
            self._finish(*status_of(refusal, *budget_metadata(self.service.budget, refusal)))
        finally:
            methods.close_broken_connection()

    def _finish(self, code: grpc.StatusCode, details: str, metadata: Metadata, content: bytes | None = None) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        self._open_calls.discard(self)
        self.method.log(self.service, code, self._started_at)
        singleton(ResponseSender).send(partial(self.wire.end, code, details, metadata, content))

    # -- While it waits -----------------------------------------------------------------------------------------
    def check_timeouts(self, now: float) -> None:
        must_enter = False
        reason: DomainError
        with self._lock:
            if self._working_since is not None:
                is_late, reason = now - self._working_since > settings.ANSWER_TIMEOUT_S, no_answer()
            else:  # a shutdown ends only calls without their message: the others may be in progress
                is_late = now > self._last_at or now - self._opened_at > settings.BODY_TIMEOUT_S
                reason = self._reason or not_arrived()
                self._is_timed_out = is_late
                must_enter = not (is_late or self._is_entered)
                if must_enter:
                    self._working_since = now
        if is_late:
            with logs.in_request(self.request_id):
                self._finish(*status_of(reason))
        elif must_enter:
            self._submit(self._enter)

    def end_with_server(self, reason: DomainError) -> None:
        self._last_at, self._reason = time.monotonic() + LAST_S, reason
