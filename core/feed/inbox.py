"""The bounded queue of one stream: the hub fills it, and the stream's reader empties it."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from core.errors import Unavailable
from core.models import Event

log = logging.getLogger(__name__)

QUEUE_LENGTH = 1_000
STALLED_S = 30

Match = Callable[[Event], bool]


class SlowReader(Unavailable):
    """The client took no events for too long. It can resume from its last cursor."""


class Overrun(Exception):
    """More events came than the queue holds: the rest must be read from the feed."""


class Inbox:
    """The events after `position` that were not taken yet.

    When the queue is full, its changes of one object are coalesced into the newest. If that does not halve the queue,
    it is emptied, and `take` raises Overrun. If events wait for longer than STALLED_S, `ended` is SlowReader.
    """

    def __init__(self, match: Match, wake: Callable[[], None], position: int) -> None:
        self.match, self.wake = match, wake
        self.taken = position  # all events up to here were taken
        self.ended: Exception | None = None
        self._offered = position
        self._waiting: list[Event] = []
        self._waiting_since: float | None = None
        self.is_overrun = False  # then `take` raises Overrun
        self._lock = threading.Lock()

    def offer(self, events: Sequence[Event]) -> None:
        """Queue the new events that match, and wake the reader."""
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
        """Return the waiting events, in order. The caller must send them before the next call.

        Raises Overrun, or the exception in `ended`.
        """
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
            log.exception("A reader of the change feed can't be woken")

    def end_if_stalled(self) -> bool:
        """If events have waited for too long, drop them and end the inbox. Return whether it ended."""
        since = self._waiting_since
        if since is None or time.monotonic() - since <= STALLED_S:
            return False
        with self._lock:
            self._waiting = []
        self.end(SlowReader("The client read too slowly: resume from the last cursor"))
        return True

    def _fold(self) -> None:
        newest = {event.key: event for event in self._waiting}
        self._waiting = sorted(newest.values(), key=lambda event: event.seq)
        if len(self._waiting) > QUEUE_LENGTH // 2:
            self._waiting, self.is_overrun = [], True
