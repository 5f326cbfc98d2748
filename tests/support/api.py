"""A REST client inside the test process that authenticates with a real token."""

import json
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from accounts.tokens import _refresh_token


def access_token(user: User) -> str:
    """Return an access token for the user, as a sign-in would; no password is needed."""
    token: RefreshToken = _refresh_token(user)
    return str(token.access_token)


BRIEF_S = 5  # the life of a token that expires while a test waits: a busy machine may connect as late as that


def brief_token(user: User, seconds: float) -> str:
    """Return an access token that expires after `seconds`."""
    token = _refresh_token(user).access_token  # type: ignore[attr-defined]
    token.set_exp(lifetime=timedelta(seconds=seconds))
    return str(token)


class Api:
    """`Api(user).post("/products", {...})`: a path is relative to `base`; a complete URL from a response also works."""

    def __init__(self, user: User | None = None, base: str = "/api/v1") -> None:
        self.base = base
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        if user is not None:
            self.headers["Authorization"] = f"Bearer {access_token(user)}"

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("get", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("post", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("put", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("patch", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.send("delete", path, **headers)

    def send(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **headers: str
    ) -> HttpResponse:
        """Send `body`: text or bytes unchanged, anything else as JSON. `If_Match="..."` sets the header If-Match."""
        url = path.removeprefix("http://testserver") if "://" in path else f"{self.base}{path}"
        names = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return self.client.generic(method.upper(), url, headers=names)
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.generic(method.upper(), url, content, content_type=content_type, headers=names)


def errors_of(response: HttpResponse) -> dict[str, Any]:
    """Return the body of an error response without the request id, which differs in every response."""
    body = dict(response.json())
    assert body.pop("request_id") == response["X-Request-ID"]
    return body
