"""HTTP/1.1 connections of the web server: uvicorn's, with limits on the head of a request.

uvicorn accepts request lines, headers and trailers of any length, waits for them without a timeout, accepts requests
without a Host, and answers a malformed request even if the previous one still waits for its response.
Only this module uses undocumented parts of uvicorn. Tried on uvicorn 0.54.0.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import uvicorn
from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from core.errors import DomainError, InvalidInput, TooLarge
from core.rates.addresses import unmapped
from core.server import logs
from core.server.asgi import Application
from core.server.heads import refusal_of_head

if TYPE_CHECKING:  # the bridge needs Django's settings
    from core.server.bridge.direct import DirectCalls

MAX_HEAD_BYTES = 64 * 1024
MAX_DROPPED_BYTES = 4 * 1024 * 1024
BODY_WAIT_S = 0.05  # for the body of a request on the fast path; then the application reads it, with its own timeout
IDLE_S = 3  # at shutdown, for the last request on an idle connection; at most half the grace
LINGER_S = 2  # for a refused client to read the response: closing a connection with unread data resets it
log = logging.getLogger(__name__)


def config_behind(send: Callable[..., Any]) -> uvicorn.Config | None:
    """Return the configuration of the server that called the lifespan with ASGI's `send`; None if it is not uvicorn.

    However uvicorn was started, its `send` is a method of an object that has the configuration as an attribute. Each
    new connection reads the configuration.
    """
    config = getattr(getattr(send, "__self__", None), "config", None)
    return config if isinstance(config, uvicorn.Config) else None


def transport_behind(send: Callable[..., Any]) -> Any:
    """Return the transport of the connection of ASGI's `send`, for HTTP and for WebSocket; None if it has none."""
    return getattr(getattr(send, "__self__", None), "transport", None)


class HeadTooLarge(TooLarge):
    http_status = 431

    def __init__(self) -> None:
        super().__init__(f"The request line and headers have at most {MAX_HEAD_BYTES} bytes")


class HeadTimeout(InvalidInput):
    http_status = 408

    def __init__(self) -> None:
        super().__init__(f"The request line and headers did not arrive within {settings.HEAD_TIMEOUT_S:g} s")


class Exchange(RequestResponseCycle):
    """A request and its response. An ordinary head is checked and written as a whole, not header by header."""

    async def send(self, message: Any) -> None:
        if self.response_started or self.disconnected or self.flow.write_paused or self.access_log:
            await super().send(message)
            return
        is_start = message["type"] == "http.response.start"
        head = self._ordinary_head(message["status"], message.get("headers", ())) if is_start else None
        if head is None:
            await super().send(message)
            return
        self.response_started, self.waiting_for_100_continue = True, False
        self.expected_content_length, self.chunked_encoding = head.length, False
        self.transport.write(head.text)

    def send_whole(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole response; return False, and send nothing, if only `send` can do it."""
        head = None if self.flow.write_paused or self.access_log else self._ordinary_head(status, headers)
        if head is None or head.length != len(body):
            return False
        self.response_started = self.response_complete = True
        self.transport.write(head.text + body)
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        self.on_response = _nothing  # as uvicorn does, because the old callback refers to the connection
        return True

    def _ordinary_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> "_Head | None":
        sent = [*self.default_headers, *headers]
        length = _body_length_if_ordinary(status, sent)
        if length is None:
            return None
        lines = [name + b": " + value + b"\r\n" for name, value in sent]
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        return _Head(length, b"".join((STATUS_LINE[status], *lines, end)))


class _Head(NamedTuple):
    length: int  # of the body
    text: bytes


def _nothing() -> None: ...


def _body_length_if_ordinary(status: int, headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the length of the body if all headers are valid, in lower case and not about the connection; else None."""
    sent = dict(headers)
    if b"connection" in sent or b"transfer-encoding" in sent or (b"content-length" not in sent and status != 304):
        return None
    names, values = b"".join(sent), b"".join([value for _, value in headers])
    if not names.islower() or HEADER_RE.search(names) or HEADER_VALUE_RE.search(values):
        return None
    return int(sent.get(b"content-length", 0))


class BoundedHttp(HttpToolsProtocol):
    """One connection. A refused request gets an error response of the API, and the connection is closed."""

    url = b""

    def __init__(self, *args: Any, direct: "DirectCalls | None" = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._direct = direct
        self._unstarted: Exchange | None = None  # a request for a direct call
        self._start_timer: asyncio.TimerHandle | None = None
        self.timeout_keep_alive = settings.KEEP_ALIVE_S  # type: ignore[assignment]  # uvicorn passes it to call_later
        self._is_in_head, self._is_refused = True, False
        self._is_last = False  # whether the server shuts down, so the next request is the last
        self._unused_bytes = 0  # received since the last complete head, part of a body or complete request
        self._refusal: DomainError | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    # -- From the transport -------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self.client = unmapped(self.client)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._take_unstarted()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unused_bytes += len(data)
        if self._is_refused:
            self._discard()
            return
        super().data_received(data)
        if self._unused_bytes > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())
        elif self._is_in_head and self._unused_bytes and self._head_timer is None:
            self._start_head_timer()
        if self._unstarted is not None:
            self._start_if_whole(self._unstarted)

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self._is_in_head = False

    def shutdown(self) -> None:
        """End the connection with its next response (`Connection: close`); close an idle connection after IDLE_S.

        An idle client may be sending a request at this moment, and closing at once would reset the connection.
        """
        if self._is_refused or (self.cycle is not None and not self.cycle.response_started):
            super().shutdown()
            return
        self._is_last = True
        grace_s = self.config.timeout_graceful_shutdown
        self.loop.call_later(IDLE_S if grace_s is None else min(IDLE_S, grace_s / 2), self._close_if_unused)

    def _close_if_unused(self) -> None:
        if not self._unused_bytes:
            super().shutdown()

    # -- From the parser ----------------------------------------------------------------------------------------
    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        self._check_head()
        self._is_in_head, self._unused_bytes = False, 0
        super().on_headers_complete()
        if self.cycle is not None:  # None for a WebSocket
            self.cycle.__class__ = Exchange  # uvicorn has no setting for the class
            self.cycle.keep_alive = self.cycle.keep_alive and not self._is_last

    def on_body(self, body: bytes) -> None:
        self._unused_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head, self._unused_bytes = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the parser, or a check called by it, rejected."""
        self._refuse(self._refusal or InvalidInput("The request is not valid HTTP/1.1"))

    # -- Starting to answer -------------------------------------------------------------------------------------
    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._direct is None or app is not self.app or not self._direct.knows(cycle.scope):
            super()._start_asgi_task(cycle, app)
        else:
            self._unstarted = cycle

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._unstarted is not None:  # a request that waited for this response
            self._start_if_whole(self._unstarted)

    def _start_if_whole(self, cycle: Exchange) -> None:
        """Start the request if its body has arrived, else after BODY_WAIT_S: many clients send it a moment later."""
        if cycle.more_body and not cycle.waiting_for_100_continue and not self._is_refused:
            self._start_timer = self._start_timer or self.loop.call_later(BODY_WAIT_S, self._start)
        else:
            self._start()

    def _start(self) -> None:
        cycle = self._take_unstarted()
        if cycle is None:
            return
        is_whole = not cycle.more_body and not self._is_refused
        if isinstance(self.app, ProxyHeadersMiddleware):
            _read_proxy_headers(self.app, cycle.scope)
        call = partial(self._call, cycle)
        if self._direct is None or not is_whole or not self._direct.begin(cycle, call):
            call()

    def _take_unstarted(self) -> Exchange | None:
        if self._start_timer is not None:
            self._start_timer.cancel()
        cycle, self._unstarted, self._start_timer = self._unstarted, None, None
        return cycle

    def _call(self, cycle: Exchange, application: Application | None = None) -> None:
        super()._start_asgi_task(cycle, cast("Any", application) or self.app)

    # -- The head -----------------------------------------------------------------------------------------------
    def _check_head(self) -> None:
        """Raise if the head is too large or not allowed."""
        if self._unused_bytes > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            self._refusal = HeadTooLarge()
        else:
            parser = self.parser
            self._refusal = refusal_of_head(parser.get_method(), self.url, parser.get_http_version(), self.headers)
        if self._refusal is not None:
            raise self._refusal

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(settings.HEAD_TIMEOUT_S, self._on_head_timeout)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_head_timeout(self) -> None:
        if self.flow.read_paused:  # the server has paused reading, so the client is not late
            self._start_head_timer()
        elif self._unused_bytes:
            self._refuse(HeadTimeout())
        else:
            self.transport.close()

    # -- Refusing -----------------------------------------------------------------------------------------------
    def _refuse(self, refusal: DomainError) -> None:
        """Send the refusal and close the connection. Later data from the client is discarded."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._stop_head_timer()
        if not self._is_next():
            self._close_after_responses()
            return
        if self.cycle is not None:  # the body of this request is malformed
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(self._answer(refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _discard(self) -> None:
        """Discard data of a refused client; abort the connection after MAX_DROPPED_BYTES."""
        if self._unused_bytes > MAX_DROPPED_BYTES:
            self.transport.abort()

    def _is_next(self) -> bool:
        """Whether the client would read a response sent now as the response to the refused request."""
        if self.cycle is None:
            return True
        if self.cycle.more_body:  # refused while its body arrives
            return not self.cycle.response_started and not self.pipeline
        return self.cycle.response_complete

    def _close_after_responses(self) -> None:
        if self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.keep_alive = False  # `cycle` is the last request; earlier ones are answered before it

    def _answer(self, refusal: DomainError) -> bytes:
        # Imported late: Django is not set up yet when this module is imported.
        from core.callers import is_encrypted
        from core.server.refusals import writer
        from core.server.security_headers import headers_for

        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers or ()}
        path = self.url.partition(b"?")[0].decode("latin-1")
        with logs.in_request(sent.get("x-request-id", "")) as request_id:
            response = writer()(path, sent.get("accept"), refusal)
            method = self.parser.get_method().decode() if self.url else "-"
            address = self.client[0] if self.client else ""
            logs.write_line(method=method, path=path, status=refusal.status, seconds=0, address=address)
        ours = {"Content-Length": str(len(response.content)), "Connection": "close", "X-Request-ID": request_id}
        headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in (response.headers | ours).items()
        ]
        headers += [*headers_for(path, is_encrypted(self.scheme or "http", sent)), *self.server_state.default_headers]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        return b"".join((STATUS_LINE[refusal.status], *lines, b"\r\n", response.content))


class WebSockets(WebSocketsSansIOProtocol):
    """One connection of a WebSocket."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.client = unmapped(self.client)


def _read_proxy_headers(middleware: ProxyHeadersMiddleware, scope: Any) -> None:
    """Set the address and the scheme in a scope, as the middleware does before it calls its application."""
    reader = copy(middleware)
    reader.app = _no_application
    try:
        reader(scope, cast("Any", None), cast("Any", None)).send(None)  # awaits nothing, so it ends at once
    except StopIteration:
        return


async def _no_application(scope: Any, receive: Any, send: Any) -> None: ...
