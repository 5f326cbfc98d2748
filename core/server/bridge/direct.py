"""Plain requests answered without an ASGI call.

A call of an ASGI application costs a task, a dozen coroutines and two messages. A request whose whole body has arrived,
and that the fast path knows, needs none of them: a thread answers it, and its connection writes the response. If the
fast path has no response after all, the application is called, and continues with the result of the fast path.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings

from core.server.asgi import ARRIVED, Application, Scope
from core.server.bridge.fast_path import DONE, ORDINARY, FastPath, FastPathResult
from core.server.bridge.responses import Headers
from core.server.threads import QueueFull, ThreadPool

log = logging.getLogger(__name__)


class Unanswered(Protocol):
    """A request whose response has not begun."""

    scope: Any  # of ASGI
    body: bytearray
    disconnected: bool

    def send_whole(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send a response; return False if it needs the application."""


class DirectCalls:
    """Answers requests by `fast_path`, on the threads of `pool`, if `knows(scope)` is true.

    The application `too_late` refuses a request that has no response after `timeout_s`. `finish`, if set, gets the
    headers of a response and returns those to send.
    """

    def __init__(
        self,
        fast_path: FastPath,
        knows: Callable[[Scope], bool],
        pool: ThreadPool,
        timeout_s: float,
        too_late: Application,
        finish: Callable[[Scope, Headers], Headers] | None = None,
    ) -> None:
        self.fast_path, self.knows, self.pool, self.finish = fast_path, knows, pool, finish
        self.timeout_s, self.too_late = timeout_s, too_late
        self._max_body_bytes = settings.MAX_BODY_BYTES  # here, because to read a setting takes as long as two calls

    def begin(self, request: Unanswered, call: Callable[[Application | None], None]) -> bool:
        """Begin to answer a request. `call(application)` calls an application; `call(None)`, that of the server.

        Returns False if too many requests wait, or if the body is too large: the application must refuse the request.
        """
        if len(request.body) > self._max_body_bytes:
            return False
        try:
            DirectCall(self, request, call).begin()
        except QueueFull:
            return False
        return True


class DirectCall:
    """One request on its way."""

    __slots__ = ("_call", "_calls", "_loop", "_request", "_timer")

    def __init__(self, calls: DirectCalls, request: Unanswered, call: Callable[[Application | None], None]) -> None:
        self._calls, self._request, self._call = calls, request, call
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    # -- On the event loop --------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Raises QueueFull."""
        self._request.scope[ARRIVED] = time.perf_counter()
        self._calls.pool.put(self._run)
        self._timer = self._loop.call_later(self._calls.timeout_s, self._refuse)

    def _refuse(self) -> None:
        self._timer = None
        if not self._request.disconnected:
            self._call(self._calls.too_late)

    def _settle(self, result: FastPathResult | Exception) -> None:
        self._calls.pool.note_end()
        request = self._request
        if self._timer is None:  # the request is refused already, because it was late
            return
        self._timer.cancel()
        if not request.disconnected and not self._sends(result):
            request.scope[DONE] = result
            self._call(None)

    def _sends(self, result: FastPathResult | Exception) -> bool:
        """Send the response; return False if there is none, or if the application must send it."""
        response = result.response if isinstance(result, FastPathResult) else None
        if response is None:
            return False
        finish, headers = self._calls.finish, response.headers
        if finish is not None:
            headers = finish(self._request.scope, headers)
        return self._request.send_whole(response.status, headers, response.body)

    # -- On a thread --------------------------------------------------------------------------------------------
    def _run(self) -> None:
        result: Any = ORDINARY
        try:
            if not self._request.disconnected:
                result = self._calls.fast_path(self._request.scope, bytes(self._request.body))
        except Exception as error:  # noqa: BLE001  # raised again by the application
            result = error
        try:
            self._loop.call_soon_threadsafe(self._settle, result)
        except RuntimeError:
            log.debug("A request outlived its event loop.")
