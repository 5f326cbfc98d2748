"""Methods of one message and one answer.

On the wire one message is a stream of one. Taken as that, it is not waited for before it is known who sends it, and no
thread waits for longer than PATIENCE_S: a client that opens calls and sends nothing would else hold them all.
"""

import threading
import time
from functools import partial
from typing import Any

import grpc
from django.conf import settings

from ecommerce import logs
from ecommerce.errors import DomainError, InvalidInput
from ecommerce.rpc.calls import ANSWERS, WAITING, WORKERS
from ecommerce.rpc.errors import GONE, ClientGone, budget_metadata, refusal_of, request_metadata, status_of
from ecommerce.rpc.methods import Method, not_arrived, readable
from ecommerce.rpc.wire import Wire

PATIENCE_S = 0.02  # most often the message is there already
LAST_S = 1  # for a message that is on its way when the server ends


class Unary(Method):
    experimental_non_blocking = True  # grpcio then takes its return for no answer

    def __call__(self, requests: Any, context: Any, send: Any) -> None:
        Call(self, context).begin()

    def handler(self) -> grpc.RpcMethodHandler:
        return grpc.stream_stream_rpc_method_handler(self)


class Call:
    """One call, from the caller's name to the answer."""

    def __init__(self, method: Unary, context: Any) -> None:
        self.method, self.wire = method, Wire(context)
        self.service = method.service_for(context)
        self._opened_at, self._started_at = time.monotonic(), time.perf_counter()
        self._lock, self._arrival = threading.Lock(), threading.Lock()
        self._content: bytes | None = None
        self._last_at, self._reason = float("inf"), not_arrived()
        self._is_there = self._is_left = self._is_given_up = self._is_over = False

    def begin(self) -> None:
        with logs.named(self.service.metadata.get("x-request-id", "")) as self.request_id:
            self._guarded(self._begin)

    def _begin(self) -> None:
        WAITING.check_begins()
        self.service.check_is_awaited()
        self.service.enter()
        self._arrival.acquire()
        if not self.wire.receive(self._received):
            raise ClientGone(GONE)
        if self._arrival.acquire(timeout=PATIENCE_S) or not self._leave():
            self._answer()

    def _leave(self) -> bool:
        """Give the thread back until the message comes; False when it has come by now."""
        with self._lock:
            self._is_left = not self._is_there
            if self._is_left:
                WAITING.add(self)
        return self._is_left

    def _received(self, content: bytes | None) -> None:
        with self._lock:
            if self._is_given_up:
                return
            self._content, self._is_there = content, True
            is_left = self._is_left
        if is_left:
            WAITING.discard(self)
            WORKERS.submit(self._go_on)
        else:
            self._arrival.release()

    def _go_on(self) -> None:
        with logs.named(self.request_id):
            self._guarded(self._begin_late)

    def _begin_late(self) -> None:
        WAITING.check_begins()
        self._answer()

    def _answer(self) -> None:
        self.service.check_is_awaited()
        if self._content is None:
            raise InvalidInput("One message is expected")
        self.service.request = readable(self.method.read(self._content))
        response = getattr(self.service, self.method.name)(self.service.request, self.service.context)
        metadata = (*request_metadata(), *budget_metadata(self.service.budget))
        self._finish(grpc.StatusCode.OK, "", metadata, response.SerializeToString())

    def _guarded(self, job: Any) -> None:
        """Do a job; what it raises is the answer."""
        try:
            with self.method.connected():
                job()
        except ClientGone:
            self._finish(grpc.StatusCode.CANCELLED, GONE, request_metadata())
        except Exception as error:  # noqa: BLE001  # none may reach grpcio, which would tell its text
            refusal = refusal_of(error)
            self._finish(*status_of(refusal, *budget_metadata(self.service.budget, refusal)))

    def _finish(self, code: grpc.StatusCode, *more: Any) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        self.method.log(self.service, code, self._started_at)
        ANSWERS.give(partial(self.wire.end, code, *more))

    # -- While it waits -----------------------------------------------------------------------------------------
    def look(self, now: float) -> None:
        with self._lock:  # what has its message is not given up: it may be under way
            is_late = now > self._last_at or now - self._opened_at > settings.BODY_TIMEOUT_S
            self._is_given_up = is_late and not self._is_there
        if self._is_given_up:
            self._give_up()

    def _give_up(self) -> None:
        WAITING.discard(self)
        with logs.named(self.request_id):
            self._finish(*status_of(self._reason))

    def end_with_server(self, reason: DomainError) -> None:
        self._last_at, self._reason = time.monotonic() + LAST_S, reason
