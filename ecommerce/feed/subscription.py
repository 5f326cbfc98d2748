"""The live end of one subscriber: a bounded queue that the feed's reader fills and another thread empties."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from ecommerce.errors import Unavailable
from ecommerce.feed.events import Event

log = logging.getLogger(__name__)

QUEUE_LENGTH = 1_000
STALLED_S = 30

Match = Callable[[Event], bool]


class SlowReader(Unavailable):
    """The subscriber took nothing for too long; its last cursor takes up again."""


class Overrun(Exception):
    """More came than the queue holds: what was not taken is to be read from the feed."""


class Subscription:
    """What came after `place`, and was not taken yet.

    When the queue is full, the changes of one thing that wait in it are folded into the newest; when that does not
    halve it, it is emptied, and `take` raises Overrun. When nothing was taken for STALLED_S, `ended` is SlowReader.
    """

    def __init__(self, match: Match, wake: Callable[[], None], place: int) -> None:
        self.match, self.wake = match, wake
        self.taken = place  # everything up to here was taken
        self.ended: Exception | None = None
        self._offered = place
        self._waiting: list[Event] = []
        self._waiting_since: float | None = None
        self.is_overrun = False  # then `take` raises Overrun
        self._lock = threading.Lock()

    def offer(self, events: Sequence[Event]) -> None:
        """Queue what is new and wanted, and wake the subscriber."""
        wanted = [event for event in events if event.seq > self._offered and self.match(event)]
        with self._lock:
            self._offered = max(self._offered, events[-1].seq)
            if not wanted:
                return
            self._waiting_since = self._waiting_since or time.monotonic()
            if not self.is_overrun:
                self._waiting += wanted
            if len(self._waiting) > QUEUE_LENGTH:
                self._fold()
        self.wake()

    def take(self) -> list[Event]:
        """Return what waits, in order; the caller sends it before it takes again. Raises Overrun, and what ended it."""
        with self._lock:
            if self.ended is not None and not self._waiting:
                raise self.ended.with_traceback(None)
            if self.is_overrun:
                raise Overrun
            events, self._waiting, self._waiting_since = self._waiting, [], None
            self.taken = self._offered
            return events

    def end(self, reason: Exception) -> None:
        with self._lock:
            self.ended = self.ended or reason
        try:
            self.wake()
        except Exception:
            log.exception("A follower of the change feed can't be woken")

    def end_if_stalled(self) -> bool:
        """End it when something has waited for too long, drop that, and return whether it did."""
        since = self._waiting_since
        if since is None or time.monotonic() - since <= STALLED_S:
            return False
        with self._lock:
            self._waiting = []
        self.end(SlowReader("The stream took nothing for too long: take up from the last cursor"))
        return True

    def _fold(self) -> None:
        newest = {event.key: event for event in self._waiting}
        self._waiting = sorted(newest.values(), key=lambda event: event.seq)
        if len(self._waiting) > QUEUE_LENGTH // 2:
            self._waiting, self.is_overrun = [], True
