"""The end of the server, as everything that is kept open learns of it."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from ecommerce.errors import Unavailable
from ecommerce.feed.hub import hub

REASON = "The server ends: go on from the last cursor"
RETRY_S = 1
FAREWELL_S = 0.3


class Ending:
    """What follows the feed ends with the hub; what follows nothing is called. Used on the event loop alone."""

    def __init__(self) -> None:
        self.has_begun = False
        self._callbacks: set[Callable[[], None]] = set()

    def check(self) -> None:
        """Raise Unavailable when the end has begun."""
        if self.has_begun:
            raise ended()

    @contextmanager
    def told_to(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have `callback` called when the end begins, on the event loop. Raises Unavailable when it has."""
        self.check()
        self._callbacks.add(callback)
        try:
            yield
        finally:
            self._callbacks.discard(callback)

    def begin(self) -> None:
        """End every follower of the feed and call every callback, once."""
        if self.has_begun:
            return
        self.has_begun = True
        hub.end_all(ended())
        for callback in list(self._callbacks):
            callback()


def ended() -> Unavailable:
    return Unavailable(REASON, retry_after_s=RETRY_S)


ending = Ending()


def begin_with_signals() -> None:
    """Let the end begin with the signals that end the server, before the server waits for its connections.

    Called on the event loop, once the server handles the signals itself.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # where no signal arrives
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _first(loop, before))


def _first(loop: asyncio.AbstractEventLoop, then: Callable[[int, FrameType | None], object]) -> Callable[..., None]:
    def handle(number: int, frame: FrameType | None) -> None:
        # Only asked for here: whoever was interrupted may hold a lock that the end takes.
        loop.call_soon_threadsafe(_begin, loop, partial(then, number, None))

    return handle


def _begin(loop: asyncio.AbstractEventLoop, then: Callable[[], object]) -> None:
    """Begin the end, and tell the server a moment later: its own farewell to a WebSocket gives no reason."""
    ending.begin()
    loop.call_later(FAREWELL_S, then)
