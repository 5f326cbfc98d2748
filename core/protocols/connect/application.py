"""The ASGI application: connectrpc's, with the limits that it lacks."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication
from django.conf import settings

from core.budgets import rate_limit_fields
from core.callers import check_site
from core.errors import TooLarge
from core.protocols.connect.calls import CALL, WebCall
from core.protocols.connect.endpoints import NO_METHOD, NO_STREAM, endpoint_of, no_method
from core.protocols.connect.messages import BINARY, JSON, Gzip
from core.protocols.connect.refusals import answer_to
from core.protocols.connect.wire import HttpWire, scope_for_connectrpc
from core.protocols.rpc.methods import Method
from core.protocols.rpc.service import Service
from core.server import logs
from core.server.asgi import Receive, Scope, Send
from core.server.bodies import ClientGone
from core.server.threads import ThreadPool

log = logging.getLogger(__name__)


class Connect:
    """Serves the methods of services: they run on the threads of `pool`, streams on the event loop."""

    def __init__(self, services: Iterable[type[Service]], pool: ThreadPool) -> None:
        self._pool = pool
        found = [Method(service, {}, method) for service in services for method in service.descriptor.methods]
        self._methods = {method.path: method for method in found}
        self._prefixes = tuple({f"/{service.descriptor.file.package}." for service in services})
        endpoints: Any = no_method() | {method.path: endpoint_of(method.descriptor) for method in found}
        # connectrpc declares ASGI messages as TypedDict; this project passes plain dictionaries.
        self._application: Any = _Application(
            service=None,
            endpoints=lambda _: endpoints,
            interceptors=(ErrorInterceptor(), Bounds()),
            read_max_bytes=settings.GRPC_MAX_MESSAGE_BYTES,
            compressions=(Gzip(),),  # type: ignore[arg-type]  # accepts only bytes, and gets only bytes
            codecs=(BINARY, JSON),
        )

    def takes(self, scope: Scope) -> bool:
        return bool(scope["path"].startswith(self._prefixes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        with logs.in_request(given):
            wire = HttpWire(scope, receive, send)
            call = WebCall(self._methods.get(scope["path"]), scope, wire, self._pool)
            CALL.set(call)
            try:
                await self._application(self._adapted_scope(scope, call), wire.receive, wire.send)
            except (ClientGone, ConnectError):  # connectrpc raises an error that it can't send
                log.debug("The client disconnected, or did not read the response in time.")
            except asyncio.CancelledError:
                # The grace period of the shutdown has ended; connectrpc has responded.
                log.warning("No answer in time.")
            finally:
                call.end()

    def _adapted_scope(self, scope: Scope, call: WebCall) -> Scope:
        path, kind = scope["path"], call.wire.content_type
        if call.method is None:
            path = NO_STREAM if kind.startswith("application/connect+") else NO_METHOD
        return scope_for_connectrpc(scope, path, kind)


class _Application(ConnectASGIApplication[None]):
    path = ""


class ErrorInterceptor:
    """Turns any exception that ends a call into the shop's error. As the first interceptor it sees all exceptions."""

    async def on_start(self, context: RequestContext[Any, Any]) -> None:
        return

    async def on_end(self, token: None, context: RequestContext[Any, Any], error: Exception | None) -> None:
        call = CALL.get()
        answer = None if error is None else answer_to(ClientGone() if call.wire.is_client_gone else error)
        call.code = answer.code if answer else "OK"
        context.response_headers.update(rate_limit_fields(call.budget, answer.budget if answer else None))
        if answer is not None:
            context.response_headers.update(answer.headers)
            raise answer.error from error


class Bounds:
    """Refuses metadata that is too long, as native gRPC does, and a wrong host or a missing TLS, as Django does."""

    async def on_start(self, context: RequestContext[Any, Any]) -> None:
        call = CALL.get()
        check_site(call.scheme, call.metadata)
        limit = settings.GRPC_MAX_METADATA_BYTES
        if sum(len(name) + len(value) for name, value in context.request_headers.allitems()) > limit:
            raise TooLarge(f"Metadata max is {limit} bytes")

    async def on_end(self, token: None, context: RequestContext[Any, Any], error: Exception | None) -> None:
        return
