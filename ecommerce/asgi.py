"""The ASGI entry point: one port for everything. Streams are answered on the event loop, all else on threads."""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.urls import get_resolver

from ecommerce import wsgi  # first: it sets Django up

# isort: split
from catalog.sockets import live_prices
from ecommerce.bridge import Bridge
from ecommerce.connect.application import Connect
from ecommerce.graph.socket import GraphQLSockets
from ecommerce.live.ending import begin_with_signals
from ecommerce.live.threads import stream_threads
from ecommerce.threads import ThreadPool
from ecommerce.urls import grpc_services

STOP_S = 0.5  # for the threads, once the server has waited for its connections
READY_S = 5.5
MAX_PROBES_WAITING = 20

Application = Callable[[Any, Any, Any], Awaitable[None]]
log = logging.getLogger(__name__)
web_threads = ThreadPool("web", size=settings.WEB_THREADS, max_waiting=settings.WEB_QUEUE)
# Probes have threads of their own: they are answered when every web thread waits for a database that hangs.
live_thread = ThreadPool("live", size=1, max_waiting=MAX_PROBES_WAITING)
ready_thread = ThreadPool("ready", size=1, max_waiting=MAX_PROBES_WAITING, keeps_connections=False)

web = Bridge(wsgi.application, web_threads)
connect = Connect(grpc_services(), web_threads)
# What has a path of its own. What streams joins here.
HTTP: dict[str, Application] = {
    "/health/live": Bridge(wsgi.application, live_thread),
    "/health/ready": Bridge(wsgi.application, ready_thread, answer_within_s=READY_S),
}
WEBSOCKETS: dict[str, Application] = {
    "/ws/prices": live_prices,
    "/graphql": GraphQLSockets(wsgi.application, web_threads),
}


async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Hand the connection to the application that it is for."""
    if scope["type"] == "http":
        await (HTTP.get(scope["path"]) or (connect if connect.takes(scope) else web))(scope, receive, send)
    elif scope["type"] == "websocket":
        await WEBSOCKETS.get(scope["path"], _refused)(scope, receive, send)
    else:
        await _lifespan(receive, send)


async def _refused(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Refuse a WebSocket that is for nobody: closed before it is accepted, it is answered 403."""
    await receive()
    await send({"type": "websocket.close"})


async def _lifespan(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        _start()
        await send({"type": f"{message['type']}.complete"})
    pools = (web_threads, live_thread, ready_thread, stream_threads)
    ended = await asyncio.gather(*(asyncio.to_thread(pool.stop, STOP_S) for pool in pools))
    if not all(ended):
        log.warning("Requests were still running when the server ended.")
    await send({"type": "lifespan.shutdown.complete"})


def _start() -> None:
    _ = get_resolver().url_patterns  # imported now, not by the first request; a fault in them ends the start
    begin_with_signals()
    gc.freeze()  # what is there now stays: to look for garbage in it would stop all threads for 0.1 s, time and again
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End a worker whose supervisor was killed: it would hold the port for ever."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
