"""The security headers for browsers, on every response of every layer.

`SecurityHeaders` adds them to the responses of Django, on any server. `with_security_headers` adds them to the
responses of the event loop: refusals of the bridge, Connect, gRPC-Web and refused WebSockets. A header that is already
set is kept.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.callers import is_encrypted
from core.server.asgi import Application, AsgiMessage, Receive, Scope, Send
from core.server.connections import transport_behind

Headers = tuple[tuple[bytes, bytes], ...]
STARTS = frozenset(("http.response.start", "websocket.http.response.start"))

# Data and files may load no resources, and no page may frame them. GraphiQL has its own policy, with a nonce.
DATA = "default-src 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
PAGES = {
    # Alpine compiles the expressions in attributes of the admin's pages, which needs 'unsafe-eval', and it sets `style`
    # attributes. No script is inline.
    "/admin": f"{_PAGE}; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'",
    "/api/docs": f"{_PAGE}; script-src 'self'; style-src 'self'",
    "/docs/": f"{_PAGE}; style-src 'self'",
}
_PAGE_PREFIXES = tuple(PAGES)
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
# Only Django and the fast paths send this header, and they send all the headers.
_MARK_OF_COMPLETE_HEADS = (b"permissions-policy", PERMISSIONS.encode())


class SecurityHeaders:
    """Middleware of Django. It must be the first, so that it sees the responses of all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in headers_for(request.path, request.is_secure()):
            response.headers.setdefault(name.decode(), value.decode())
        return response


def with_security_headers(application: Application) -> Application:
    """Wrap an ASGI application."""

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        await application(scope, receive, send if scope["type"] == "lifespan" else _Sending(scope, send).send)

    return secured


class _Sending:
    """ASGI's `send` of one request; adds the missing headers to the head of the response."""

    __slots__ = ("_scope", "_send", "transport")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self.transport = transport_behind(send)  # for `live.transports.cut_off`

    def send(self, message: AsgiMessage) -> Awaitable[None]:
        if message["type"] in STARTS and _MARK_OF_COMPLETE_HEADS not in message["headers"]:
            message = {**message, "headers": [*message["headers"], *self._missing(message["headers"])]}
        return self._send(message)

    def _missing(self, sent: Iterable[tuple[bytes, bytes]]) -> Headers:
        present = {name.lower() for name, _ in sent}
        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}
        headers = headers_for(self._scope["path"], is_encrypted(self._scope.get("scheme", "http"), asked))
        return tuple(header for header in headers if header[0] not in present)


def headers_for(path: str, encrypted: bool) -> Headers:
    if not path.startswith(_PAGE_PREFIXES):
        return _headers(DATA, encrypted)
    return _headers(next(policy for prefix, policy in PAGES.items() if path.startswith(prefix)), encrypted)


@cache
def _headers(policy: str, encrypted: bool) -> Headers:
    """Return the headers in ASGI's form. A response over plain HTTP has no HSTS (RFC 6797, 7.2)."""
    headers = {
        "content-security-policy": policy,
        "permissions-policy": PERMISSIONS,
        "x-content-type-options": "nosniff",
        "x-frame-options": settings.X_FRAME_OPTIONS,
        "referrer-policy": settings.SECURE_REFERRER_POLICY,
        "cross-origin-opener-policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        # Calls that CORS_ALLOWED_ORIGINS lets pass are not affected: only embedding without CORS is refused.
        "cross-origin-resource-policy": "same-origin",
    }
    if encrypted and settings.SECURE_HSTS_SECONDS:
        headers["strict-transport-security"] = _transport_security()
    return tuple((name.encode(), value.encode()) for name, value in headers.items())


def _transport_security() -> str:
    more = [
        "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else "",
        "; preload" if settings.SECURE_HSTS_PRELOAD else "",
    ]
    return f"max-age={settings.SECURE_HSTS_SECONDS}{''.join(more)}"
