"""Runs an operation from a WebSocket as an HTTP request to /graphql."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.protocols.graph.live.streams import SubscriptionStream
from core.server.asgi import Scope
from core.server.bridge.environ import STREAMS, environ_of
from core.server.leases import Hold
from core.server.threads import ThreadPool

# Without cookies: they could authenticate another user than the token does.
KEPT_HEADERS = frozenset((b"host", b"user-agent", b"x-forwarded-proto"))
HTTP_SCHEMES = {b"ws": b"http", b"wss": b"https"}
ACCEPT = b"application/graphql-response+json, text/event-stream;q=0.5"


class OperationResponse(NamedTuple):
    """The response of /graphql: a body, or the stream of a subscription."""

    status: int
    request_id: str
    body: bytes
    stream: SubscriptionStream | None

    @property
    def is_executed(self) -> bool:
        """Whether the body is a result; if not, it is a refusal."""
        return self.status == 200


class Operations:
    """Calls the WSGI application on the threads of plain requests."""

    def __init__(self, application: Callable[..., Any], pool: ThreadPool) -> None:
        self._application, self._pool = application, pool

    async def answer(
        self, scope: Scope, payload: Mapping[str, object], authorization: str, hold: Hold
    ) -> OperationResponse:
        """Return the response to an operation from the WebSocket of `scope`. Raises as `ThreadPool.ask` does.

        If it is a subscription, the response has its stream, which `hold` has counted. The caller must release it.
        """
        environ = _environ(scope, json.dumps(payload).encode(), authorization) | {STREAMS: hold}
        return await self._pool.ask(self._answer, environ, drop=_release)

    def _answer(self, environ: dict[str, Any]) -> OperationResponse:
        head: list[Any] = []
        result = self._application(environ, lambda status, headers, exc_info=None: head.extend((status, headers)))
        try:
            stream = result if isinstance(result, SubscriptionStream) else None
            body = b"" if stream else b"".join(result)
            return OperationResponse(int(head[0][:3]), dict(head[1])["X-Request-ID"], body, stream)
        finally:
            result.close()


def _environ(scope: Scope, body: bytes, authorization: str) -> dict[str, object]:
    kept = [(name, HTTP_SCHEMES.get(value, value)) for name, value in scope["headers"] if name in KEPT_HEADERS]
    own = [(b"content-type", b"application/json"), (b"accept", ACCEPT)]
    if authorization:
        own.append((b"authorization", authorization.encode()))
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = {"method": "POST", "http_version": "1.1", "scheme": scheme, "query_string": b"", "headers": kept + own}
    return environ_of({**scope, **request}, body)


def _release(answer: OperationResponse) -> None:
    if answer.stream is not None:
        answer.stream.release()
