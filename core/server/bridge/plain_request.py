"""Plain requests: they have no header that can change the response of a view. Only they may take the fast path."""

import re
import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.conf import settings

from core.callers import caller_of, check_site, is_encrypted
from core.metrics.facts import Facts
from core.server import logs
from core.server.asgi import Scope
from core.server.bridge.responses import Headers, WsgiResponse, whole_response
from core.server.security_headers import headers_for

# The headers that can change the response of a view. Browsers and proxies send many others. Those change no response,
# or they are read on both paths: by `headers_in`, by `plain_request_of` or by the server.
READ_BY_VIEWS = frozenset(
    (
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"),
        *("content-type", "content-length", "content-encoding", "transfer-encoding", "expect"),
        *("idempotency-key", "last-event-id"),
    )
)
# A cookie of the admin that is malformed: Django replaces or deletes it. No view of a protocol reads cookies.
ODD_COOKIE = re.compile(
    rf"({settings.SESSION_COOKIE_NAME}|{settings.CSRF_COOKIE_NAME})=(?!([a-zA-Z0-9]{{32}}){{1,2}}(;|$))"
)
JSON_TYPES = frozenset(("application/json", "application/json;charset=utf-8"))


class PlainRequest(NamedTuple):
    """A plain request and its caller."""

    method: str
    path: str
    query: str
    site: str  # scheme and host, for links
    is_encrypted: bool
    address: str
    user: Any
    has_token: bool
    request_id: str
    headers: dict[str, str]


def headers_in(scope: Scope, refused: Collection[str]) -> dict[str, str] | None:
    """Return the headers by name; None if one is in `refused` or is sent twice, or if Django would set a cookie."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        if key in refused or key in headers:
            return None
        headers[key] = value.decode("latin-1")
    return None if "cookie" in headers and ODD_COOKIE.search(headers["cookie"]) else headers


def has_json(headers: Mapping[str, str]) -> bool:
    """Whether Content-Type says that the body is JSON in UTF-8, in one of the usual ways."""
    kind = headers.get("content-type", "")
    return kind in JSON_TYPES or kind.replace(" ", "").lower() in JSON_TYPES


def plain_request_of(scope: Scope, headers: dict[str, str]) -> PlainRequest:
    """Return the request with its caller. Raises a refusal if the host is wrong, TLS is missing or a token is bad."""
    address = (scope.get("client") or ("unknown",))[0]
    scheme = scope.get("scheme", "http")
    check_site(scheme, headers)
    encrypted = is_encrypted(scheme, headers)
    return PlainRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        site=f"{'https' if encrypted else 'http'}://{headers['host']}",
        is_encrypted=encrypted,
        address=address,
        user=caller_of(headers, address).user,
        has_token="authorization" in headers,
        request_id=headers.get("x-request-id", ""),
        headers=headers,
    )


def response_to(
    plain: PlainRequest,
    request_id: str,
    status: int,
    headers: Headers,
    body: bytes,
    started_at: float,
    operation: str = "",
) -> WsgiResponse:
    """Add the headers that every response has, log the request, and return the response.

    `started_at` is a time of `perf_counter`; `operation` is the operation of a GraphQL request.
    """
    logs.write_line(
        method=plain.method,
        path=plain.path,
        status=status,
        seconds=time.perf_counter() - started_at,
        address=plain.address,
        known_id=request_id,
        noted=Facts(plain.user.pk, operation),
    )
    sent = [*headers, (b"x-request-id", request_id.encode()), *headers_for(plain.path, plain.is_encrypted)]
    return whole_response(status, sent, body)
