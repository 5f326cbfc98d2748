"""The ASGI application: connectrpc's, within the bounds that it lacks."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication
from django.conf import settings

from ecommerce import logs
from ecommerce.bodies import ClientGone, Scope
from ecommerce.budgets import fields_of
from ecommerce.callers import check_site
from ecommerce.connect.calls import CALL, Call
from ecommerce.connect.endpoints import NO_METHOD, NO_STREAM, endpoint_of, no_method
from ecommerce.connect.messages import BINARY, JSON, Gzip
from ecommerce.connect.refusals import answer_to
from ecommerce.connect.wire import Wire, shown
from ecommerce.errors import TooLarge
from ecommerce.rpc.methods import Method
from ecommerce.rpc.service import Service
from ecommerce.threads import ThreadPool

log = logging.getLogger(__name__)


class Connect:
    """The methods of services, on the threads of `pool`; streams on the event loop."""

    def __init__(self, services: Iterable[type[Service]], pool: ThreadPool) -> None:
        self._pool = pool
        found = [Method(service, {}, method) for service in services for method in service.descriptor.methods]
        self._methods = {method.path: method for method in found}
        self._prefixes = tuple({f"/{service.descriptor.file.package}." for service in services})
        endpoints = no_method() | {method.path: endpoint_of(method.descriptor) for method in found}
        self._application = _Application(
            service=None,
            endpoints=lambda _: endpoints,
            interceptors=(Ending(), Bounds()),
            read_max_bytes=settings.GRPC_MAX_MESSAGE_BYTES,
            compressions=(Gzip(),),
            codecs=(BINARY, JSON),
        )

    def takes(self, scope: Scope) -> bool:
        return bool(scope["path"].startswith(self._prefixes))

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        with logs.named(given):
            wire = Wire(scope, receive, send)
            call = Call(self._methods.get(scope["path"]), scope, wire, self._pool)
            CALL.set(call)
            try:
                await self._application(self._shown(scope, call), wire.receive, wire.send)
            except (ClientGone, ConnectError):  # connectrpc raises an answer that it can't send
                log.debug("The client left, or took nothing.")
            except asyncio.CancelledError:
                log.warning("No answer in time.")  # the server ends, and its grace is over: connectrpc has said so
            finally:
                call.end()

    def _shown(self, scope: Scope, call: Call) -> Scope:
        path, kind = scope["path"], call.wire.content_type
        if call.method is None:
            path = NO_STREAM if kind.startswith("application/connect+") else NO_METHOD
        return shown(scope, path, kind)


class _Application(ConnectASGIApplication[None]):
    path = ""


class Ending:
    """Makes the shop's answer of whatever ends a call. The first of the interceptors sees all of them."""

    async def on_start(self, context: RequestContext) -> None:
        return

    async def on_end(self, token: None, context: RequestContext, error: Exception | None) -> None:
        call = CALL.get()
        answer = None if error is None else answer_to(ClientGone() if call.wire.is_client_gone else error)
        call.code = answer.code if answer else "OK"
        context.response_headers.update(fields_of(call.budget, answer.budget if answer else None))
        if answer is not None:
            context.response_headers.update(answer.headers)
            raise answer.error from error


class Bounds:
    """Refuses metadata that is too long, as native gRPC does, and what has come to the wrong place, as Django does."""

    async def on_start(self, context: RequestContext) -> None:
        call = CALL.get()
        check_site(call.scheme, call.metadata)
        limit = settings.GRPC_MAX_METADATA_BYTES
        if sum(len(name) + len(value) for name, value in context.request_headers.allitems()) > limit:
            raise TooLarge(f"Metadata max is {limit} bytes")

    async def on_end(self, token: None, context: RequestContext, error: Exception | None) -> None:
        return
