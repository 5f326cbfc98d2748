"""One call of a service's method, from its headers to its end."""

import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

from core.budgets import Budget
from core.metrics.facts import note_caller, note_operation
from core.postgresql.replicas import reads_may_lag
from core.protocols.connect.messages import Codec, Sent, messages_of
from core.protocols.connect.wire import GRPC_WEB, HttpWire
from core.protocols.rpc.methods import Method
from core.protocols.rpc.stream_spec import StreamSpec
from core.server import logs
from core.server.asgi import Scope
from core.server.threads import ThreadPool

Result = TypeVar("Result")


class Context:
    """The part of grpcio's context that a service uses."""

    is_over = False

    def is_active(self) -> bool:
        return not self.is_over


class WebCall:
    """A call that has begun. Run `answer`, `answer_all` and `open` with `on_thread`."""

    code = ""  # the gRPC status code that ended it

    def __init__(self, method: Method | None, scope: Scope, wire: HttpWire, pool: ThreadPool) -> None:
        self.method, self.wire, self.path, self.scheme = method, wire, scope["path"], scope.get("scheme", "http")
        self.request_id = logs.request_id.get()
        self._pool, self._context, self._started_at = pool, Context(), time.perf_counter()
        self.metadata = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.address = (scope.get("client") or [""])[0] or "unknown"
        if method is not None:  # the endpoints for unknown paths do not use these
            self.called = method
            self.service = method.service_of(self._context, self.metadata, self.address)

    @property
    def budget(self) -> Budget | None:
        """The caller's remaining budget, once the call is counted."""
        return self.service.budget if self.method is not None else None

    async def on_thread(self, job: Callable[..., Result], *args: object) -> Result:
        """Return `job(*args)`, run on a thread that may query the database. Raises as `ThreadPool.ask`."""
        return await self._pool.ask(self._connected, job, args)

    def end(self) -> None:
        """Mark the call as over, for a thread that still works on it, and log the call."""
        self._context.is_over = True
        if self.method is None:
            note_operation("unknown")  # not the path: a client may choose any
        else:
            note_caller(self.service.caller_id)
        logs.write_line(
            method="gRPC-Web" if self.wire.content_type.startswith(GRPC_WEB) else "Connect",
            path=self.path,
            status=self.code or self.wire.status,
            seconds=time.perf_counter() - self._started_at,
            address=self.address,
        )

    # -- On a thread --------------------------------------------------------------------------------------------
    def _connected(self, job: Callable[..., Result], args: tuple[object, ...]) -> Result:
        with logs.in_request(self.request_id, "connect"), self.called.connected():
            self.service.check_is_awaited()
            self.service.enter()
            return job(*args)

    def answer(self, sent: Sent) -> bytes:
        return self._response_to(sent.message(self.called.request_class), sent.codec)

    def answer_all(self, sent: Iterable[Sent], codec: Codec) -> bytes:
        return self._response_to(messages_of(sent, self.called.request_class), codec)

    def open(self, sent: Sent) -> StreamSpec:
        spec: StreamSpec = self._call_service(sent.message(self.called.request_class))
        return spec

    def _response_to(self, request: object, codec: Codec) -> bytes:
        return codec.write(self._call_service(request))

    def _call_service(self, request: object) -> Any:
        self.service.request = request
        with reads_may_lag(self.service.caller_id is None):
            return getattr(self.service, self.called.name)(request, self._context)


CALL: ContextVar[WebCall] = ContextVar("call")
