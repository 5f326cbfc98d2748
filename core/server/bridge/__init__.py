"""A WSGI application behind ASGI: the event loop reads requests and sends responses, threads run the application.

A slow client holds no thread: a thread is used when the whole body has arrived, and is free when the response is made.

How a request is handled:

1. `http_call` reads the body on the event loop, then waits for a thread of the pool.
2. `fast_path`: on the thread, the fast path is tried first. It answers a plain request (`plain_request`), most often
   from compiled statements, without Django's handler. `direct` does that before ASGI's application is called.
3. If it has no response, `environ` makes a WSGI request, and the application (Django) responds: the ordinary path.
4. `responses`: the event loop sends the response. A file is read while it is sent. An event stream goes on without a
   thread. Only a response from a generator is sent chunk by chunk from its thread, which it holds until the end.
"""

import asyncio
import logging

from core.faults import refusal_for
from core.server.asgi import Receive, Scope, Send, WsgiApplication
from core.server.bodies import ClientGone
from core.server.bridge.fast_path import FastPath
from core.server.bridge.http_call import HttpCall
from core.server.bridge.responses import drop
from core.server.threads import ThreadPool, no_answer

__all__ = ["Bridge"]

log = logging.getLogger(__name__)


class Bridge:
    """An ASGI application (http only) that runs a WSGI application on the threads of `pool`.

    If a response has not begun within `response_timeout_s`, the client gets 503; the thread runs on, and its result is
    dropped. `fast_path`, if set, is tried before the application.
    """

    def __init__(
        self,
        application: WsgiApplication,
        pool: ThreadPool,
        response_timeout_s: float | None = None,
        fast_path: FastPath | None = None,
    ) -> None:
        self.application, self.fast_path = application, fast_path
        self.pool, self.response_timeout_s = pool, response_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = HttpCall(self.application, scope, receive, send, self.fast_path)
        try:
            await self._respond(call)
        except ClientGone:
            log.debug("The client has disconnected.")
        except (asyncio.CancelledError, TimeoutError):  # by the timer, or at the end of the shutdown's grace
            log.warning("No answer in time.")
            await call.refuse(no_answer())
        except Exception as error:  # noqa: BLE001  # the client gets a response for any exception
            await call.refuse(refusal_for(error))
        finally:
            call.stop_timer()
            call.stop_watching()

    async def refuse_late(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request because its response is late; called like the application."""
        log.warning("No answer in time.")
        await HttpCall(self.application, scope, receive, send, None).refuse(no_answer())

    async def _respond(self, call: HttpCall) -> None:
        body = await call.read_body()
        if self.pool.is_busy:
            call.watch_soon()
        if self.response_timeout_s is not None:
            call.cancel_after(self.response_timeout_s)
        response = await self.pool.run(call.respond, body, drop=drop)
        call.stop_timer()  # from here on only the client can be slow
        if response is not None:
            await call.send_response(response)
