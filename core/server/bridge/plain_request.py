"""Plain requests: none of their headers needs a view. Only these may take the fast path."""

import time
from collections.abc import Collection
from typing import Any, NamedTuple

from core.callers import caller_of, check_site, is_encrypted
from core.metrics.facts import Facts
from core.server import logs
from core.server.asgi import Scope
from core.server.bridge.responses import Headers, WsgiResponse, whole_response
from core.server.security_headers import headers_for

COMMON = ("host", "user-agent", "connection", "accept", "accept-encoding", "accept-language")
# No view reads these: browsers add them to every request. `core.server.other_origins` reads Origin, on both paths.
OF_BROWSERS = (
    *("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "sec-gpc", "dnt", "priority"),
    *("sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "origin", "referer", "cache-control", "pragma"),
)
# The server has read the address and the scheme from these already, if it trusts the proxy.
OF_PROXIES = ("x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via")
OF_TRACES = ("traceparent", "tracestate", "baggage")  # core.server.tracing reads these
PLAIN_HEADERS = frozenset((*COMMON, *OF_BROWSERS, *OF_PROXIES, "authorization", "x-request-id", *OF_TRACES))
JSON_ACCEPTED = frozenset(("", "*/*", "application/json", "application/json, text/plain, */*"))


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


def headers_in(scope: Scope, allowed: Collection[str]) -> dict[str, str] | None:
    """Return the headers by name.

    Returns None if a header is not in `allowed` or is sent twice, or if the client does not accept JSON.
    """
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        if key not in allowed or key in headers:
            return None
        headers[key] = value.decode("latin-1")
    return headers if headers.get("accept", "") in JSON_ACCEPTED else None


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
    name: str,
    status: int,
    headers: Headers,
    body: bytes,
    started_at: float,
    operation: str = "",
) -> WsgiResponse:
    """Add the headers that every response has, log the request, and return the response.

    `name` is the request's id. `started_at` is a time of `perf_counter`; `operation` is that of GraphQL.
    """
    logs.write_line(
        method=plain.method,
        path=plain.path,
        status=status,
        seconds=time.perf_counter() - started_at,
        address=plain.address,
        name=name,
        noted=Facts(plain.user.pk, operation),
    )
    sent = [*headers, (b"x-request-id", name.encode()), *headers_for(plain.path, plain.is_encrypted)]
    return whole_response(status, sent, body)
