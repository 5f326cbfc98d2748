"""ASGI in front, WSGI behind: requests are read and answers sent by the event loop, and made on threads in between.

A slow client costs no thread: its body is read whole before a thread is asked for, and its answer is sent after the
thread is free again. An event stream goes on without one. Only the answer of a generator is made and sent piece by
piece, and holds its thread.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ecommerce.bodies import ClientGone, Scope
from ecommerce.bridge.environ import environ_of
from ecommerce.bridge.exchange import Exchange
from ecommerce.errors import DomainError, Unavailable
from ecommerce.threads import QueueFull, ThreadPool

__all__ = ["Bridge"]

BUSY_RETRY_S = 1
log = logging.getLogger(__name__)


class Bridge:
    """An ASGI application (http alone) that answers with a WSGI application on the threads of `pool`.

    `answer_within_s`: past that the client is told 503, and the thread goes on alone.
    """

    def __init__(self, application: Callable[..., Any], pool: ThreadPool, answer_within_s: float | None = None) -> None:
        self.application, self.pool, self.answer_within_s = application, pool, answer_within_s

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        exchange = Exchange(self.application, scope, receive, send)
        try:
            await self._answer(exchange)
        except ClientGone:
            log.debug("The client left.")
        except DomainError as refusal:
            await exchange.refuse(refusal)
        except QueueFull:
            await exchange.refuse(Unavailable("The server is busy", retry_after_s=BUSY_RETRY_S))
        except (asyncio.CancelledError, TimeoutError):  # cancelled: the server ends, and its grace is over
            log.warning("No answer in time.")
            await exchange.refuse(Unavailable("No answer in time", retry_after_s=BUSY_RETRY_S))
        except Exception:
            log.exception("Unhandled error")
            await exchange.refuse(DomainError())
        finally:
            exchange.stop_watching()

    async def _answer(self, exchange: Exchange) -> None:
        body = await exchange.body.read()
        if self.pool.is_busy:
            exchange.watch_soon()
        making = self.pool.run(exchange.respond, environ_of(exchange.scope, body))
        answer = await (asyncio.wait_for(making, self.answer_within_s) if self.answer_within_s else making)
        if answer is not None:
            await exchange.send_answer(answer)
