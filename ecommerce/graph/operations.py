"""An operation that came over a WebSocket, as the request to /graphql that it stands for."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ecommerce.bridge.environ import Scope, environ_of
from ecommerce.graph.streams import SubscriptionStream
from ecommerce.live.events import STREAMS, Hold
from ecommerce.threads import ThreadPool

# No cookies: they would name another caller than the token.
KEPT_HEADERS = frozenset((b"host", b"user-agent", b"x-forwarded-proto"))
HTTP_SCHEMES = {b"ws": b"http", b"wss": b"https"}
ACCEPT = b"application/graphql-response+json, text/event-stream;q=0.5"


class Answer(NamedTuple):
    """What /graphql answers: a body, or the stream of a subscription."""

    status: int
    request_id: str
    body: bytes
    stream: SubscriptionStream | None

    @property
    def is_executed(self) -> bool:
        """Whether the body is a result; it is a refusal when not."""
        return self.status == 200


class Operations:
    """The WSGI application, on the threads that plain requests have."""

    def __init__(self, application: Callable[..., Any], pool: ThreadPool) -> None:
        self._application, self._pool = application, pool

    async def answer(self, scope: Scope, payload: Mapping[str, Any], authorization: str, hold: Hold) -> Answer:
        """Return the answer to the operation that a client sent on the WebSocket of `scope`. Raises QueueFull.

        Of a subscription its stream, which `hold` has counted, and which is to be released.
        """
        environ = _environ(scope, json.dumps(payload).encode(), authorization) | {STREAMS: hold}
        asking = asyncio.ensure_future(self._pool.run(self._answer, environ))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(_release)  # nobody else would
            raise

    def _answer(self, environ: dict[str, Any]) -> Answer:
        head: list[Any] = []
        result = self._application(environ, lambda status, headers, exc_info=None: head.extend((status, headers)))
        try:
            stream = result if isinstance(result, SubscriptionStream) else None
            return Answer(int(head[0][:3]), dict(head[1])["X-Request-ID"], b"" if stream else b"".join(result), stream)
        finally:
            result.close()


def _environ(scope: Scope, body: bytes, authorization: str) -> dict[str, Any]:
    kept = [(name, HTTP_SCHEMES.get(value, value)) for name, value in scope["headers"] if name in KEPT_HEADERS]
    own = [(b"content-type", b"application/json"), (b"accept", ACCEPT)]
    if authorization:
        own.append((b"authorization", authorization.encode()))
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    asked = {"method": "POST", "http_version": "1.1", "scheme": scheme, "query_string": b"", "headers": kept + own}
    return environ_of({**scope, **asked}, body)


def _release(asking: "asyncio.Future[Answer]") -> None:
    if not asking.cancelled() and asking.exception() is None and (stream := asking.result().stream):
        stream.release()
