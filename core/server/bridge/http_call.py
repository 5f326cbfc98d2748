"""One request and its response: read and sent on the event loop, processed on a thread.

The sections of HttpCall name the thread that runs their methods.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from functools import partial

from django.conf import settings

from core.errors import DomainError
from core.server import logs
from core.server.asgi import ARRIVED, Environ, Receive, Scope, Send, WsgiApplication, arrived_at
from core.server.bodies import Body, ClientGone
from core.server.bridge.environ import begun_by_fast_path, environ_of
from core.server.bridge.fast_path import DONE, ORDINARY, FastPath
from core.server.bridge.responses import (
    DetachedStream,
    FileWrapper,
    Headers,
    WsgiResponse,
    encoded,
    file_response,
    whole_response,
)
from core.server.refusals import writer

WATCH_AFTER_S = 0.05  # queueing time after which watching for a disconnect pays off
log = logging.getLogger(__name__)


class HttpCall:
    """One request and its response."""

    def __init__(
        self, application: WsgiApplication, scope: Scope, receive: Receive, send: Send, fast_path: FastPath | None
    ) -> None:
        self.application, self.fast_path = application, fast_path
        self.scope, self.receive, self.send = scope, receive, send
        self.body = Body(scope, receive)
        self.loop = asyncio.get_running_loop()
        self.started_at = arrived_at(scope)
        self.request_id = ""  # set when the view of an event stream has responded
        self.has_begun = False  # whether the head of a response was sent
        self._timer: asyncio.TimerHandle | None = None  # until the response begins
        self._watcher: asyncio.Task[None] | None = None
        self._watch_timer: asyncio.TimerHandle | None = None

    # -- On the event loop --------------------------------------------------------------------------------------
    async def read_body(self) -> bytes:
        """Return the body, and note that the request has arrived. Raises as `Body.read`."""
        body = await self.body.read()
        self.started_at = self.scope.setdefault(ARRIVED, time.perf_counter())
        return body

    def watch_soon(self) -> None:
        """Watch for a disconnect if the request still waits for a thread after WATCH_AFTER_S."""
        self._watch_timer = self.loop.call_later(WATCH_AFTER_S, self.watch)

    def watch(self) -> None:
        """Watch for a disconnect. Call it only after the body was read."""
        if self._watcher is None:
            self._watcher = self.loop.create_task(self._wait_for_disconnect())

    async def _wait_for_disconnect(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            continue

    def cancel_after(self, seconds: float) -> None:
        """Cancel the current task if the response does not begin within `seconds` after the request has arrived.

        A direct call may have used a part of this time. A timer is cheaper than `asyncio.timeout`.
        """
        task = asyncio.current_task(self.loop)
        if task is not None:
            left_s = seconds - (time.perf_counter() - self.started_at)
            self._timer = self.loop.call_later(max(0, left_s), task.cancel)

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def stop_watching(self) -> None:
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def send_response(self, response: WsgiResponse) -> None:
        if isinstance(response.rest, DetachedStream):
            await self._send_events(response, response.rest)
            return
        await self._start(response.status, response.headers)
        if response.rest is None:
            await self.send({"type": "http.response.body", "body": response.body})
        else:
            await self._send_file(response.body, response.rest)

    async def _send_file(self, chunk: bytes, file: FileWrapper) -> None:
        try:
            while chunk:
                await self._send_chunk(chunk)
                chunk = await self.loop.run_in_executor(None, file.read)
            await self._send_chunk(b"", more=False)
        finally:
            await self.loop.run_in_executor(None, file.close)

    async def _send_events(self, response: WsgiResponse, stream: DetachedStream) -> None:
        self.stop_watching()  # the stream itself watches for a disconnect
        self.request_id = _header(response.headers, b"x-request-id")
        with logs.in_request(self.request_id):
            start = partial(self._start, response.status, response.headers)
            await stream.send_on(start, self.receive, self.send, self.scope["method"])
            self._log(response.status)

    async def refuse(self, refusal: DomainError) -> None:
        """Send a refusal from outside Django, and close the connection, because the body may be unread."""
        if self.has_begun:
            return
        sent = self.scope["headers"]
        with logs.in_request(self.request_id or _header(sent, b"x-request-id")) as request_id:
            response = writer()(self.scope["path"], _header(sent, b"accept") or None, refusal)
            self._log(refusal.status)
        ours = {"Content-Length": str(len(response.content)), "Connection": "close", "X-Request-ID": request_id}
        headers = [(field.lower().encode(), text.encode()) for field, text in (response.headers | ours).items()]
        await self._start(refusal.status, headers)
        await self._send_chunk(response.content)
        if self.body.is_left_unread:
            await self.body.linger()
        await self._send_chunk(b"", more=False)

    def _log(self, status: int) -> None:
        client = self.scope.get("client") or [""]
        logs.write_line(
            method=self.scope["method"],
            path=self.scope["path"],
            status=status,
            seconds=time.perf_counter() - self.started_at,
            address=client[0],
        )

    async def _start(self, status: int, headers: Headers) -> None:
        """Begin the response. Raises ClientGone if another response has begun, and this one is too late."""
        if self.has_begun:
            raise ClientGone
        self.has_begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def _start_chunked(self, status: int, headers: Headers) -> None:
        self.stop_timer()  # the remaining chunks are made while the response is sent
        await self._start(status, headers)

    async def _send_chunk(self, body: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    # -- On a thread --------------------------------------------------------------------------------------------
    def respond(self, body: bytes) -> WsgiResponse | None:
        """Make the response; return None if it was sent already, chunk by chunk.

        Raises ClientGone, and as `environ_of`.
        """
        if self._is_gone():
            raise ClientGone
        result = self.scope.pop(DONE, None) or (self.fast_path(self.scope, body) if self.fast_path else ORDINARY)
        if isinstance(result, Exception):
            raise result
        if result.response is not None:
            return result.response
        return self._respond_by_application(environ_of(self.scope, body) | begun_by_fast_path(result))

    def _respond_by_application(self, environ: Environ) -> WsgiResponse | None:
        head: list[tuple[str, list[tuple[str, str]]]] = []
        result = self.application(environ, lambda status, headers, exc_info=None: head.append((status, headers)))
        line, fields = head[0]
        status, headers = int(line[:3]), encoded(fields)
        if isinstance(result, FileWrapper):
            return file_response(status, headers, result)
        try:
            if isinstance(result, DetachedStream):
                return WsgiResponse(status, headers, b"", result)
            if getattr(result, "streaming", False):
                self._stream(status, headers, result)
                return None
            return whole_response(status, headers, b"".join(result))
        finally:
            if hasattr(result, "close"):
                result.close()

    def _stream(self, status: int, headers: Headers, chunks: Iterable[bytes]) -> None:
        """Send each chunk when it is made; this thread waits until the client accepts it. Raises ClientGone."""
        self.loop.call_soon_threadsafe(self.watch)
        self._on_loop(self._start_chunked(status, headers))
        for chunk in chunks:
            if self._is_gone():
                raise ClientGone
            if chunk:
                self._on_loop(self._send_chunk(chunk))
        self._on_loop(self._send_chunk(b"", more=False))

    def _on_loop(self, coroutine: Coroutine[object, object, None]) -> None:
        """Run a coroutine that sends, and wait for it. Raises ClientGone after SEND_TIMEOUT_S."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            future.result(settings.SEND_TIMEOUT_S)
        except TimeoutError as error:
            future.cancel()
            raise ClientGone from error

    def _is_gone(self) -> bool:
        return self._watcher is not None and self._watcher.done()


def _header(headers: Headers, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == wanted), "")
