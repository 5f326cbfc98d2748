"""The ASGI entry point: one port for everything. The event loop answers streams, threads answer all other requests."""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from functools import partial

from django.conf import settings
from django.urls import get_resolver

from ecommerce import wsgi  # first, because it sets up Django

# isort: split
from core.doctor.key_fingerprint import check_key_in_background
from core.errors import NotFound
from core.metrics.meters import meters
from core.protocols.connect.application import Connect
from core.protocols.graph.live.socket import GraphQLSockets
from core.protocols.graph.plans.fast_path import graphql_fast_path
from core.protocols.live.sampling import sample_streams
from core.protocols.live.sockets import Socket
from core.protocols.rest.fast_path import RestFastPath
from core.runtime import singleton
from core.server.asgi import Application, Receive, Scope, Send
from core.server.bridge import Bridge
from core.server.bridge.direct import DirectCalls
from core.server.bridge.fast_path import FastPathResult
from core.server.other_origins import headers_to_origin, open_to_other_origins
from core.server.security_headers import with_security_headers
from core.server.server_timing import threads_of, with_server_timing
from core.server.serving import bound_connections
from core.server.shutdown import begin_with_signals
from core.server.start.garbage import end_start
from core.server.stream_threads import StreamThreads
from core.server.threads import ThreadPool
from core.server.tracing.hooks import IS_ON as traces_are_on
from core.server.tracing.hooks import with_traces
from ecommerce.app_modules import app_modules
from ecommerce.urls import grpc_services, resources, router

STOP_S = 0.5  # for the threads to finish, after the server has drained its connections
READY_S = 5.5
BATCHES = ("/api/v1/products/batch", "/api/v2/products/batch", "/api/products/batch")
BATCH_PAGES = ("/admin/catalog/product/import/", "/admin/catalog/product/change-prices/")
MAX_PROBES_WAITING = 10_000  # many, so that other clients do not crowd out the orchestrator; each takes under 1 ms

log = logging.getLogger(__name__)
web_threads = threads_of("web", size=settings.WEB_THREADS, max_waiting=settings.WEB_QUEUE)
# Probes have their own threads, so they are answered even if all web threads wait for a database that hangs.
live_thread = ThreadPool("live", size=1, max_waiting=MAX_PROBES_WAITING)
ready_thread = ThreadPool("ready", size=1, max_waiting=MAX_PROBES_WAITING, keeps_connections=False)

rest_fast_path = RestFastPath(router, resources)


def fast_path(scope: Scope, body: bytes) -> FastPathResult:
    return graphql_fast_path(scope, body) if scope["path"] == "/graphql" else rest_fast_path(scope, body)


def has_fast_path(scope: Scope) -> bool:
    if scope["path"] == "/graphql":
        return bool(scope["method"] == "POST")
    return scope["method"] in ("GET", "POST") and rest_fast_path.knows(scope)


web = Bridge(wsgi.application, web_threads, settings.ANSWER_TIMEOUT_S, fast_path)
# 10,000 rows may take longer than ANSWER_TIMEOUT_S. A client that got 503 would send them again, although
# they were created. So only each statement has a timeout, as in a gRPC batch.
batches = Bridge(wsgi.application, web_threads)
finish = headers_to_origin if settings.CORS_ALLOWED_ORIGINS else None
too_late = with_security_headers(open_to_other_origins(web.refuse_late))
# Not if something else is to be done for each response.
direct = (
    None
    if settings.DEMO_MODE or traces_are_on
    else DirectCalls(fast_path, has_fast_path, web_threads, settings.ANSWER_TIMEOUT_S, too_late, finish)
)
connect = Connect(grpc_services(), web_threads)
# Paths with their own application. Add an application that streams here.
HTTP: dict[str, Application] = {
    "/health/live": Bridge(wsgi.application, live_thread),
    "/health/ready": Bridge(wsgi.application, ready_thread, response_timeout_s=READY_S),
    **dict.fromkeys(BATCHES, batches),
}
WEBSOCKETS: dict[str, Application] = {
    "/graphql": GraphQLSockets(wsgi.application, web_threads),
    **{path: sockets for module in app_modules("sockets") for path, sockets in module.WEBSOCKETS.items()},
}


@with_traces
@with_security_headers
@open_to_other_origins
@with_server_timing
async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Call the application for the connection's type and path."""
    if scope["type"] == "http":
        if scope["path"] == "*":  # OPTIONS * asks about the whole server; Django's routes start with a slash
            scope["path"] = "/*"
        await _application_of(scope)(scope, receive, send)
    elif scope["type"] == "websocket":
        await WEBSOCKETS.get(scope["path"], _refused)(scope, receive, send)
    else:
        await _lifespan(receive, send)


def _application_of(scope: Scope) -> Application:
    path = scope["path"]
    if path.startswith(BATCH_PAGES):
        return batches
    return HTTP.get(path) or (connect if connect.takes(scope) else web)


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket at an unknown path with NotFound."""
    await Socket(scope, receive, send).run(_raise_not_found)


async def _raise_not_found() -> None:
    raise NotFound


async def _lifespan(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        _start(send)
        await send({"type": f"{message['type']}.complete"})
    pools = (web_threads, live_thread, ready_thread, singleton(StreamThreads))
    ended = await asyncio.gather(*(asyncio.to_thread(pool.stop, STOP_S) for pool in pools))
    if not all(ended):
        log.warning("Requests were still running when the server stopped.")
    await send({"type": "lifespan.shutdown.complete"})


def _start(send: Send) -> None:
    bound_connections(send, direct)
    _ = get_resolver().url_patterns  # import the routes before the first request; an error in them stops the startup
    begin_with_signals()
    check_key_in_background()
    _sample()
    end_start()
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()


def _sample() -> None:
    for pool in (web_threads, singleton(StreamThreads)):
        help_text = "Jobs of a thread pool that run or wait."
        meters().sample("shop_thread_jobs", help_text, partial(getattr, pool, "unfinished"), pool=pool.name)
        meters().sample("shop_threads", "Threads of a pool.", partial(getattr, pool, "size"), pool=pool.name)
    sample_streams()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End this worker when its supervisor is killed: an orphaned worker would hold the port forever."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
