"""Pages of other origins: the headers of CORS on every response over HTTP, and preflights (the Fetch standard, 3.2).

CORS_ALLOWED_ORIGINS lists the origins that may call. django-cors-headers decides, by the settings CORS_*. Its
middleware would see only Django's responses, so this module asks it for the headers, and adds them to the responses of
every layer: fast paths, event streams, Connect, gRPC-Web and refusals. If the setting is empty, nothing changes.
"""

from collections.abc import Awaitable, Sequence
from functools import lru_cache

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.server.asgi import Application, AsgiMessage, Receive, Scope, Send
from core.server.connections import transport_behind

Headers = tuple[tuple[bytes, bytes], ...]
PREFIX = "access-control-"


def open_to_other_origins(application: Application) -> Application:
    """Wrap an ASGI application, unless no other origin may call it."""
    if not settings.CORS_ALLOWED_ORIGINS:
        return application

    async def opened(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        sent = dict(scope["headers"])
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in sent
        sending = _Sending(send, cors_headers(sent.get(b"origin", b""), is_preflight=is_preflight))
        if is_preflight:
            await sending.send({"type": "http.response.start", "status": 204, "headers": []})
            await sending.send({"type": "http.response.body", "body": b""})
        else:
            await application(scope, receive, sending.send)

    return opened


@lru_cache(maxsize=256)
def cors_headers(origin: bytes, *, is_preflight: bool) -> Headers:
    """Return the headers for a request of this origin; none if it may not call."""
    request = HttpRequest()
    request.method = "OPTIONS" if is_preflight else "GET"
    request.META["HTTP_ORIGIN"] = origin.decode("latin-1")
    response = CorsMiddleware(lambda _: HttpResponse())(request)
    assert isinstance(response, HttpResponse)  # noqa: S101  # a coroutine only for an async `get_response`
    return tuple((name.encode(), text.encode()) for name, text in response.items() if name.startswith(PREFIX))


class _Sending:
    """ASGI's `send` of one request; adds the headers to the head of the response."""

    __slots__ = ("_headers", "_send", "transport")

    def __init__(self, send: Send, headers: Headers) -> None:
        self._send, self._headers = send, headers
        self.transport = transport_behind(send)  # for `live.transports.cut_off`

    def send(self, message: AsgiMessage) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*_with_vary(message["headers"]), *self._headers]}
        return self._send(message)


def headers_to_origin(scope: Scope, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response with those for the origin of its request."""
    origin = dict(scope["headers"]).get(b"origin", b"")
    return [*_with_vary(headers), *cors_headers(origin, is_preflight=False)]


def _with_vary(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Add Origin to Vary: a cache must not serve a response without CORS headers to a page of another origin."""
    others = [(name, value) for name, value in headers if name.lower() != b"vary"]
    present = [value for name, value in headers if name.lower() == b"vary"]
    return (*others, (b"vary", b", ".join([*present, b"Origin"])))
