"""The shutdown of the web server: its streams end first, each with a reason."""

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

from core.errors import Unavailable
from core.runtime import singleton
from core.server.open_calls import OpenCalls

REASON = "The server is shutting down: resume from the last cursor"
RETRY_S = 1
CLOSE_DELAY_S = 0.3


def shutdown_reason() -> Unavailable:
    return Unavailable(REASON, retry_after_s=RETRY_S)


def begin_with_signals() -> None:
    """Begin the shutdown on SIGINT and SIGTERM, before the server waits for its connections to close.

    Call it on the event loop, after the server has set its own signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signals arrive on the main thread only
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _handler(loop, before))


def _handler(loop: asyncio.AbstractEventLoop, then: Callable[[int, FrameType | None], object]) -> Callable[..., None]:
    def handle(number: int, frame: FrameType | None) -> None:
        # Only scheduled here: the interrupted code may hold a lock that the shutdown needs.
        loop.call_soon_threadsafe(_begin, loop, partial(then, number, None))

    return handle


def _begin(loop: asyncio.AbstractEventLoop, then: Callable[[], object]) -> None:
    """Begin the shutdown, and call the server's handler CLOSE_DELAY_S later: it closes WebSockets without a reason."""
    singleton(OpenCalls).end_all(shutdown_reason())
    loop.call_later(CLOSE_DELAY_S, then)
