"""One call of a service's method, from its head to its end."""

import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from ecommerce import logs
from ecommerce.bodies import Scope
from ecommerce.budgets import Budget
from ecommerce.connect.messages import Form, Sent, messages_of
from ecommerce.connect.wire import GRPC_WEB, Wire
from ecommerce.rpc.methods import Method
from ecommerce.rpc.streams import Exchange
from ecommerce.threads import ThreadPool


class Context:
    """What a service asks of a call, in the word of grpcio."""

    is_over = False

    def is_active(self) -> bool:
        return not self.is_over


class Call:
    """A call that has begun. `answer`, `answer_all` and `open` are done by `on_thread`."""

    code = ""  # what gRPC calls its end

    def __init__(self, method: Method | None, scope: Scope, wire: Wire, pool: ThreadPool) -> None:
        self.method, self.wire, self.path, self.scheme = method, wire, scope["path"], scope.get("scheme", "http")
        self.request_id = logs.request_id.get()
        self._pool, self._context, self._started_at = pool, Context(), time.perf_counter()
        self.metadata = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.address = (scope.get("client") or [""])[0] or "unknown"
        if method is not None:
            self.service = method.service_of(self._context, self.metadata, self.address)

    @property
    def budget(self) -> Budget | None:
        """What is left of the caller's, once the call is counted."""
        return self.service.budget if self.method is not None else None

    async def on_thread(self, job: Callable[..., Any], *args: Any) -> Any:
        """Return `job(*args)`, done where it may ask the database. Raises QueueFull, and what the job raises."""
        return await self._pool.run(self._connected, job, args)

    def end(self) -> None:
        """Tell the thread that still works for this call, and log it."""
        self._context.is_over = True
        logs.write_line(
            method="gRPC-Web" if self.wire.content_type.startswith(GRPC_WEB) else "Connect",
            path=self.path,
            status=self.code or self.wire.status,
            seconds=time.perf_counter() - self._started_at,
            address=self.address,
        )

    # -- On a thread --------------------------------------------------------------------------------------------
    def _connected(self, job: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        with logs.named(self.request_id), self.method.connected():
            self.service.check_is_awaited()
            self.service.enter()
            return job(*args)

    def answer(self, sent: Sent) -> bytes:
        return self._asked(sent.message(self.method.request_class), sent.form)

    def answer_all(self, sent: Iterable[Sent], form: Form) -> bytes:
        return self._asked(messages_of(sent, self.method.request_class), form)

    def open(self, sent: Sent) -> Exchange:
        return self._done(sent.message(self.method.request_class))

    def _asked(self, request: Any, form: Form) -> bytes:
        return form.write(self._done(request))

    def _done(self, request: Any) -> Any:
        self.service.request = request
        return getattr(self.service, self.method.name)(request, self._context)


CALL: ContextVar[Call] = ContextVar("call")
