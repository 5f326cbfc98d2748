"""One request and its answer: read and sent on the event loop, made on a thread."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from ecommerce import logs
from ecommerce.bodies import Body, ClientGone, Scope
from ecommerce.bridge.answers import Answer, FileWrapper, Headers, encoded, of_file, whole
from ecommerce.errors import DomainError
from ecommerce.live.events import EventStream
from ecommerce.live.sender import EventSender
from ecommerce.rest.refusals import refusal_of

WAIT_S = 0.05  # for a thread, before it is worth its cost to learn whether the client still waits
log = logging.getLogger(__name__)


class Exchange:
    """One request and its answer."""

    def __init__(self, application: Callable[..., Any], scope: Scope, receive: Any, send: Any) -> None:
        self.application, self.scope, self.receive, self.send = application, scope, receive, send
        self.body = Body(scope, receive)
        self.loop = asyncio.get_running_loop()
        self.started_at = time.perf_counter()
        self.request_id = ""  # of the view, once it has answered
        self.is_answered = False
        self._watcher: asyncio.Task[None] | None = None
        self._watches_from: asyncio.TimerHandle | None = None

    # -- On the event loop --------------------------------------------------------------------------------------
    def watch_soon(self) -> None:
        """Watch if it takes long until there is a thread."""
        self._watches_from = self.loop.call_later(WAIT_S, self.watch)

    def watch(self) -> None:
        """Learn when the client leaves. Only once the body is read."""
        if self._watcher is None:
            self._watcher = self.loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            continue

    def stop_watching(self) -> None:
        if self._watches_from is not None:
            self._watches_from.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def send_answer(self, answer: Answer) -> None:
        if isinstance(answer.rest, EventStream):
            await self._send_events(answer, answer.rest)
            return
        await self._start(answer.status, answer.headers)
        if answer.rest is None:
            await self.send({"type": "http.response.body", "body": answer.body})
        else:
            await self._send_file(answer.body, answer.rest)

    async def _send_file(self, part: bytes, file: FileWrapper) -> None:
        try:
            while part:
                await self._send_part(part)
                part = await self.loop.run_in_executor(None, file.read)
            await self._send_part(b"", more=False)
        finally:
            await self.loop.run_in_executor(None, file.close)

    async def _send_events(self, answer: Answer, stream: EventStream) -> None:
        self.stop_watching()  # the stream does it itself
        self.request_id = _header(answer.headers, b"x-request-id")
        sender = EventSender(stream, self.receive, self.send, is_head=self.scope["method"] == "HEAD")
        with logs.named(self.request_id):
            await sender.run(lambda: self._start(answer.status, answer.headers))
            self._log(answer.status)

    async def refuse(self, refusal: DomainError) -> None:
        """Answer in the server's own name, outside Django, and close the connection: a body may be left unread."""
        if self.is_answered:
            return
        sent = self.scope["headers"]
        with logs.named(self.request_id or _header(sent, b"x-request-id")) as name:
            told = refusal_of(self.scope["path"], _header(sent, b"accept") or None, refusal)
            self._log(refusal.status)
        ours = {"Content-Length": str(len(told.content)), "Connection": "close", "X-Request-ID": name}
        headers = [(field.lower().encode(), text.encode()) for field, text in (told.headers | ours).items()]
        await self._start(refusal.status, headers)
        await self._send_part(told.content)
        if self.body.is_left_unread:
            await self.body.linger()
        await self._send_part(b"", more=False)

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
        self.is_answered = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def _send_part(self, body: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    # -- On a thread --------------------------------------------------------------------------------------------
    def respond(self, environ: dict[str, Any]) -> Answer | None:
        """Make the answer; None when it was a stream, which is then sent. Raises ClientGone."""
        if self._is_gone():
            raise ClientGone
        head: list[Any] = []
        result = self.application(environ, lambda status, headers, exc_info=None: head.extend((status, headers)))
        status, headers = int(head[0][:3]), encoded(head[1])
        if isinstance(result, FileWrapper):
            return of_file(status, headers, result)
        try:
            if isinstance(result, EventStream):
                return Answer(status, headers, b"", result)
            if getattr(result, "streaming", False):
                self._stream(status, headers, result)
                return None
            return whole(status, headers, b"".join(result))
        finally:
            if hasattr(result, "close"):
                result.close()

    def _stream(self, status: int, headers: Headers, parts: Iterable[bytes]) -> None:
        self.loop.call_soon_threadsafe(self.watch)
        self._on_loop(self._start(status, headers))
        for part in parts:
            if self._is_gone():
                raise ClientGone
            if part:
                self._on_loop(self._send_part(part))
        self._on_loop(self._send_part(b"", more=False))

    def _on_loop(self, coroutine: Any) -> None:
        """Wait until the client has room for this. Raises ClientGone when it takes nothing for too long."""
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
