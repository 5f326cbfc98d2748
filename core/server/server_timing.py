"""The header Server-Timing, only in demo mode: the milliseconds and the number of SQL statements of a response.

The event loop measures the time from the arrival of the request's head to the head of the response. The statements are
counted by a wrapper around each database connection. With a wrapper, read plans do not use their fastest path.
"""

import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from core.server.asgi import Application, AsgiMessage, Receive, Scope, Send
from core.server.connections import transport_behind
from core.server.threads import ThreadPool

Result = TypeVar("Result")
TRANSACTION = ("BEGIN", "SAVEPOINT", "RELEASE")  # not counted: PostgreSQL's driver sends its BEGIN unseen


class Tally:
    """The time and the statements of one request."""

    def __init__(self) -> None:
        self.started_at, self.statements = time.perf_counter(), 0

    @property
    def header(self) -> tuple[bytes, bytes]:
        spent_ms = (time.perf_counter() - self.started_at) * 1_000
        return b"server-timing", f'app;dur={spent_ms:.2f}, sql;desc="{self.statements} statements"'.encode()


_request: ContextVar[Tally | None] = ContextVar("tally", default=None)
_thread = threading.local()  # `tally`: of the request that the thread works on


def with_server_timing(application: Application) -> Application:
    """Wrap an ASGI application; outside demo mode return it as it is."""
    if not settings.DEMO_MODE:
        return application

    async def timed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        _request.set(tally := Tally())
        await application(scope, receive, _TimedSending(send, tally).send)

    return timed


class _TimedSending:
    """ASGI's `send` of one request; adds the header to the head of the response."""

    __slots__ = ("_send", "_tally", "transport")

    def __init__(self, send: Send, tally: Tally) -> None:
        self._send, self._tally = send, tally
        self.transport = transport_behind(send)

    def send(self, message: AsgiMessage) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], self._tally.header]}
        return self._send(message)


class CountedThreads(ThreadPool):
    """Threads that count the statements of each job for the request that it belongs to."""

    async def run(
        self, job: Callable[..., Result], *args: object, drop: Callable[[Result], None] | None = None
    ) -> Result:
        return await super().run(_counted, _request.get(), job, args, drop=drop)


def threads_of(name: str, *, size: int, max_waiting: int) -> ThreadPool:
    """Return the threads of an application: in demo mode, threads that count statements."""
    kind = CountedThreads if settings.DEMO_MODE else ThreadPool
    return kind(name, size=size, max_waiting=max_waiting)


def _counted(tally: Tally | None, job: Callable[..., Result], args: tuple[object, ...]) -> Result:
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)
    _thread.tally = tally
    try:
        return job(*args)
    finally:
        _thread.tally = None


def _count(execute: Callable[..., Any], sql: str, params: object, many: bool, context: object) -> Any:
    tally = getattr(_thread, "tally", None)
    if tally is not None and not sql.startswith(TRANSACTION):
        tally.statements += 1
    return execute(sql, params, many, context)
