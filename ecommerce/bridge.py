"""ASGI in front, WSGI behind: requests are read and answers sent by the event loop, and made on threads in between.

A slow client costs no thread: its body is read whole before a thread is asked for, and its answer is sent after the
thread is free again. Only the answer of a generator is made and sent piece by piece, and holds its thread.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple

from django.conf import settings

from ecommerce import logs
from ecommerce.bodies import Body, ClientGone, Scope
from ecommerce.errors import DomainError, Unavailable
from ecommerce.rest.errors import body_of, fault_body
from ecommerce.rest.renderers import JSONRenderer
from ecommerce.threads import QueueFull, ThreadPool

Headers = list[tuple[bytes, bytes]]

FILE_BLOCK_BYTES = 256 * 1024
BUSY_RETRY_S = 1
log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a thread made: the whole body, or its beginning and the file that goes on with it."""

    status: int
    headers: Headers
    body: bytes
    rest: "FileWrapper | None" = None


class FileWrapper:
    """`wsgi.file_wrapper`: hands the file itself to the event loop, which sends it without holding a thread."""

    def __init__(self, file: Any, block_size: int = 0) -> None:
        self.file = file

    def read(self) -> bytes:
        return self.file.read(FILE_BLOCK_BYTES)

    def close(self) -> None:
        self.file.close()


class Bridge:
    """An ASGI application (http alone) that answers with a WSGI application on the threads of `pool`.

    `answer_within_s`: past that the client is told 503, and the thread goes on alone.
    """

    def __init__(self, application: Callable[..., Any], pool: ThreadPool, answer_within_s: float | None = None) -> None:
        self.application, self.pool, self.answer_within_s = application, pool, answer_within_s

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        exchange = Exchange(self.application, scope, receive, send)
        try:
            await self._answer(exchange)
        except ClientGone:
            log.debug("The client left.")
        except DomainError as refusal:
            await exchange.refuse(refusal.status, body_of, refusal)
        except QueueFull:
            await exchange.refuse(503, body_of, Unavailable("The server is busy", retry_after_s=BUSY_RETRY_S))
        except (asyncio.CancelledError, TimeoutError):  # cancelled: the server ends, and its grace is over
            log.warning("No answer in time.")
            await exchange.refuse(503, body_of, Unavailable("No answer in time", retry_after_s=BUSY_RETRY_S))
        except Exception:
            log.exception("Unhandled error")
            await exchange.refuse(500, fault_body)
        finally:
            exchange.stop_watching()

    async def _answer(self, exchange: "Exchange") -> None:
        body = await exchange.body.read()
        if self.pool.is_busy:
            exchange.watch()
        async with asyncio.timeout(self.answer_within_s) if self.answer_within_s else nullcontext():
            answer = await self.pool.run(exchange.respond, environ_of(exchange.scope, body))
        if answer is not None:
            await exchange.send_answer(answer)


class Exchange:
    """One request and its answer."""

    def __init__(self, application: Callable[..., Any], scope: Scope, receive: Any, send: Any) -> None:
        self.application, self.scope, self.receive, self.send = application, scope, receive, send
        self.body = Body(scope, receive)
        self.loop = asyncio.get_running_loop()
        self.started_at = time.perf_counter()
        self.is_answered = False
        self._watcher: asyncio.Task[None] | None = None

    # -- On the event loop --------------------------------------------------------------------------------------
    def watch(self) -> None:
        """Learn when the client leaves. Only once the body is read."""
        if self._watcher is None:
            self._watcher = self.loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            continue

    def stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def send_answer(self, answer: Answer) -> None:
        await self._start(answer.status, answer.headers)
        if answer.rest is None:
            await self._send_part(answer.body, more=False)
            return
        try:
            part = answer.body
            while part:
                await self._send_part(part)
                part = await self.loop.run_in_executor(None, answer.rest.read)
            await self._send_part(b"", more=False)
        finally:
            await self.loop.run_in_executor(None, answer.rest.close)

    async def refuse(self, status: int, make_body: Callable[..., dict[str, Any]], *args: Any) -> None:
        """Answer in the server's own name, outside Django, and close the connection: a body may be left unread."""
        if self.is_answered:
            return
        headers = {name: value for name, value in self.scope["headers"] if name == b"x-request-id"}
        with logs.named(headers.get(b"x-request-id", b"").decode("latin-1")) as name:
            body = make_body(*args)
            self._log(status)
        content = JSONRenderer().render(body)
        answer: Headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
            (b"x-request-id", name.encode()),
        ]
        if "retry_after" in body:
            answer.append((b"retry-after", b"%d" % body["retry_after"]))
        await self._start(status, answer)
        await self._send_part(content)
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
        status, headers = int(head[0][:3]), _encoded(head[1])
        if isinstance(result, FileWrapper):
            return _of_file(status, headers, result)
        try:
            if getattr(result, "streaming", False):
                self._stream(status, headers, result)
                return None
            return _whole(status, headers, b"".join(result))
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


_WITHOUT_BODY = frozenset((204, 304))  # RFC 9110, 15.3.5 and 15.4.5


def _encoded(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _whole(status: int, headers: Headers, body: bytes) -> Answer:
    if status in _WITHOUT_BODY:
        return Answer(status, [header for header in headers if header[0] != b"content-length"], b"")
    if not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(body)))
    return Answer(status, headers, body)


def _of_file(status: int, headers: Headers, wrapper: FileWrapper) -> Answer:
    """Read what is most often the whole file; what is left is read while it is sent."""
    is_whole = True
    try:
        first = wrapper.read()
        is_whole = len(first) < FILE_BLOCK_BYTES
    finally:
        if is_whole:
            wrapper.close()
    return Answer(status, headers, first, None if is_whole else wrapper)


# -- PEP 3333 ---------------------------------------------------------------------------------------------------
_SAME_FOR_ALL = {
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": FileWrapper,
}


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return PEP 3333's picture of the request: texts are the bytes of UTF-8 read as Latin-1."""
    root = scope.get("root_path", "")
    server, client = scope.get("server") or ("localhost", 80), scope.get("client") or ("", 0)
    environ = {
        **_SAME_FOR_ALL,
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root.encode().decode("latin-1"),
        "PATH_INFO": scope["path"].removeprefix(root).encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
    }
    for name, value in scope["headers"]:
        if key := _environ_key(name):
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{_JOINT.get(key, ',')}{text}" if key in environ else text
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))  # a chunked body has it too, now that it is whole
    return environ


_JOINT = {"HTTP_COOKIE": "; "}  # RFC 9113, 8.2.3; any other header that is sent twice is a list


@lru_cache(maxsize=1024)
def _environ_key(name: bytes) -> str | None:
    """Name a header as CGI does; None for one that is not passed on.

    An underscore is dropped, because X_Forwarded_For would pass for X-Forwarded-For; Proxy, because HTTP_PROXY is what
    HTTP clients take their proxy from; Transfer-Encoding, because the body has arrived.
    """
    if b"_" in name or name in (b"proxy", b"transfer-encoding"):
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
