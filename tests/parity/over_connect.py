"""The shop over Connect, in the test's own transaction."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from django.db import connections

from accounts.models import User
from core.protocols.connect.application import Connect
from core.server.threads import ThreadPool
from ecommerce.urls import grpc_services
from protos.product_pb2 import BatchCreateResponse, CreateProductRequest
from tests.parity.answers import Answer
from tests.parity.over_grpc import Grpc, answer_to, batch_outcomes
from tests.support.connect import STREAM_WAYS, Stream, WebClient, framed, path_of, written

WAY = "Connect JSON"
URL = "http://testserver"


class InProcess(httpx.BaseTransport):
    """Hands the requests of a synchronous client to an ASGI application, on one event loop."""

    def __init__(self, application: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = httpx.ASGITransport(application), loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._loop.run_until_complete(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


@contextmanager
def in_this_transaction() -> Iterator[httpx.Client]:
    """Yield the HTTP client of a Connect application whose thread uses this thread's database connection."""
    loop, pool = asyncio.new_event_loop(), ThreadPool("connect", size=1, max_waiting=10)
    loop.run_until_complete(pool.run(connections.__setitem__, "default", connections["default"]))
    try:
        yield httpx.Client(base_url=URL, transport=InProcess(Connect(grpc_services(), pool), loop))
    finally:
        loop.run_until_complete(pool.run(connections.__delitem__, "default"))  # the thread must not close it
        pool.stop(timeout_s=5)
        loop.close()


class Client(WebClient):
    """`tests.support.connect.WebClient` in this process, with the errors of a gRPC client."""

    def __init__(self, http: httpx.Client, user: User | None) -> None:
        super().__init__(URL, user, way=WAY, http=http)

    def call(self, name: str, /, **fields: Any) -> Any:
        # protobuf's clients leave out a field that is None.
        return super().call(name, **{name: value for name, value in fields.items() if value is not None})


class OverConnect(Grpc):
    """The verbs of gRPC, sent as Connect's JSON."""

    def __init__(self, http: httpx.Client, user: User | None) -> None:
        super().__init__(Client(http, user))

    def create_products(self, rows: list[dict[str, Any]]) -> Answer:
        kind = STREAM_WAYS[WAY]
        content = b"".join(framed(written(CreateProductRequest(**row), kind)) for row in rows)
        headers = self.client.headers | {"content-type": kind}

        def send() -> Any:
            response = self.client.http.post(path_of("BatchCreateProducts"), content=content, headers=headers)
            [message] = Stream(response, kind, BatchCreateResponse).messages
            return message

        return answer_to(send, lambda answer: batch_outcomes(answer, len(rows)))
