"""Requests on the fast path, and the same requests on the ordinary path, through Django."""

from io import BytesIO
from typing import Any

from django.test import Client

from accounts.models import User
from core.server.bridge.environ import begun_by_fast_path, environ_of
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.responses import WsgiResponse, encoded, whole_response
from ecommerce import asgi
from tests.support.api import access_token

CHANGES = {b"x-request-id", b"ratelimit"}  # these headers differ between two requests


def scope_of(path: str, caller: str = "stranger", method: str = "GET", **headers: str) -> dict[str, Any]:
    sent = {"host": "testserver:8000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if caller != "stranger":
        sent["authorization"] = f"Bearer {access_token(User.objects.get(username=caller))}"
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("192.0.2.7", 50_000),
        "server": ("testserver", 8000),
    }


def on_fast_path(scope: dict[str, Any], body: bytes = b"") -> FastPathResult:
    return asgi.fast_path(scope, body)


def response_of(scope: dict[str, Any], body: bytes = b"") -> WsgiResponse:
    """Return the response of the fast path; fail if it has none."""
    response = on_fast_path(scope, body).response
    assert response is not None
    return response


def answered(scope: dict[str, Any], body: bytes = b"", result: FastPathResult = ORDINARY) -> WsgiResponse:
    """Answer through Django, as `HttpCall.respond` does if the fast path has returned `result` without a response."""
    environ = environ_of(scope, body) | begun_by_fast_path(result)
    response = Client().request(**environ | {"wsgi.input": BytesIO(body)})
    return whole_response(response.status_code, encoded(response.items()), response.content)


def comparable(answer: WsgiResponse) -> tuple[Any, ...]:
    return answer.status, sorted(pair for pair in answer.headers if pair[0] not in CHANGES), answer.body


def remaining_in(answer: WsgiResponse) -> int:
    (text,) = [value.decode() for name, value in answer.headers if name == b"ratelimit"]
    return int(text.split("r=")[1].split(";")[0])
