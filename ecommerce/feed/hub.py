"""One reader of the feed a process, and its subscribers."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection

from ecommerce.errors import Unavailable
from ecommerce.feed.events import (
    Event,
    check_cursor,
    cursor_value,
    data_version,
    events_after,
    newest_seq,
    number_committed,
)

log = logging.getLogger(__name__)

QUEUE_LENGTH = 1_000
STALLED_S = 30
SHORTEST_NAP_S, LONGEST_NAP_S = 0.002, 0.05
RETRY_S, READY_S, IDLE_S = 0.5, 10, 10

Match = Callable[[Event], bool]


class SlowReader(Unavailable):
    """The subscriber took nothing for too long; its last cursor takes up again."""


class Subscription:
    """The live end of one subscriber: a bounded queue that another thread fills.

    When it is full, the changes of one thing that wait in it are folded into the newest; when that gives no room, or
    nothing was taken for STALLED_S, the subscription ends with `ended`.
    """

    def __init__(self, match: Match, wake: Callable[[], None], position: int) -> None:
        self.match, self.wake, self.position = match, wake, position
        self.ended: Exception | None = None
        self._waiting: deque[Event] = deque()
        self._lock = threading.Lock()
        self._taken_at = time.monotonic()

    def offer(self, event: Event) -> None:
        """Queue an event that is new and wanted, and wake the subscriber."""
        if event.seq <= self.position or not self.match(event):
            return
        with self._lock:
            if len(self._waiting) >= QUEUE_LENGTH:
                self._fold(event)
            if self.ended is None:
                self._waiting.append(event)
        self.wake()

    def take(self) -> list[Event]:
        """Return what waits, in order; the caller sends it before it takes again. Raises what ended it."""
        with self._lock:
            events, self._waiting = list(self._waiting), deque()
            self._taken_at = time.monotonic()
        if not events and self.ended is not None:
            raise self.ended
        return events

    def end(self, reason: Exception) -> None:
        with self._lock:
            self.ended = self.ended or reason
        self.wake()

    def _fold(self, event: Event) -> None:
        newest = {waiting.key: waiting for waiting in self._waiting}
        newest.pop(event.key, None)
        self._waiting = deque(sorted(newest.values(), key=lambda waiting: waiting.seq))
        if len(self._waiting) >= QUEUE_LENGTH or time.monotonic() - self._taken_at > STALLED_S:
            self._waiting.clear()
            self.ended = SlowReader("The stream took nothing for too long: take up from the last cursor")


class Hub:
    """Reads the feed on a thread of its own while there is a subscriber."""

    def __init__(self) -> None:
        self.position = 0
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_ready = threading.Event()

    def attach(self, match: Match, wake: Callable[[], None], after: int) -> Subscription | None:
        """Go live after place `after`; None when the feed has gone on further, and that is to be read first."""
        self._start()
        with self._lock:
            if after < self.position:
                return None
            subscription = Subscription(match, wake, after)
            self._subscriptions.add(subscription)
            return subscription

    def detach(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)

    def end_all(self, reason: Exception) -> None:
        """End every subscription, as the process does when it goes."""
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.end(reason)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._is_ready.clear()
                self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                self._thread.start()
        if not self._is_ready.wait(timeout=READY_S):
            raise Unavailable("The change feed does not answer", retry_after_s=2)

    def _run(self) -> None:
        looker, idle_since = _Looker(), time.monotonic()
        while self._subscriptions or time.monotonic() - idle_since < IDLE_S or not self._may_end():
            idle_since = time.monotonic() if self._subscriptions else idle_since
            try:
                if not self._is_ready.is_set():
                    self.position = newest_seq()
                    self._is_ready.set()
                if looker.sees_something():
                    self._deliver()
            except (DatabaseError, InterfaceError) as error:
                log.warning("The change feed lost its database, and tries again: %s", error)
                connection.close()
                time.sleep(RETRY_S)
        connection.close()

    def _may_end(self) -> bool:
        """Whether nobody listens, seen under the lock; the next subscriber starts another thread."""
        with self._lock:
            if self._subscriptions:
                return False
            self._thread = None
            return True

    def _deliver(self) -> None:
        """Hand what is new to every subscriber."""
        while events := events_after(self.position):
            with self._lock:
                self.position = events[-1].seq
                subscriptions = list(self._subscriptions)
            for subscription in subscriptions:
                for event in events:
                    subscription.offer(event)


class _Looker:
    """Looks whether there is something new, more seldom the longer there is not."""

    def __init__(self) -> None:
        self._nap_s, self._version = SHORTEST_NAP_S, object()

    def sees_something(self) -> bool:
        time.sleep(self._nap_s)
        numbered, version = number_committed(), data_version()
        is_news = version is None or version != self._version
        self._nap_s = SHORTEST_NAP_S if numbered else min(self._nap_s * 1.5, LONGEST_NAP_S)
        self._version = version
        return is_news


hub = Hub()


class Follower:
    """One subscriber's way through the feed: what was, from a cursor on, and then what comes, without a seam.

    `take` reads the database while it replays, so it belongs on a thread; `wake` is called, on any thread, when there
    is something to take. Raises CursorExpired or InvalidInput when it is made, and SlowReader when it was too slow.
    """

    def __init__(self, match: Match, wake: Callable[[], None], after: str | None = None) -> None:
        self._match, self._wake = match, wake
        self._live: Subscription | None = None
        if after:
            self._place = cursor_value(after)
            check_cursor(self._place)
        else:
            self._place = newest_seq()
            self._live = hub.attach(match, wake, self._place)

    @property
    def is_replaying(self) -> bool:
        """Whether `take` is to be called again at once."""
        return self._live is None

    def take(self) -> list[Event]:
        """Return the next events, in order; none when there are none yet."""
        if self._live is not None:
            return self._live.take()
        events = events_after(self._place)
        if events:
            self._place = events[-1].seq
        else:
            self._live = hub.attach(self._match, self._wake, self._place)
        return [event for event in events if self._match(event)]

    def close(self) -> None:
        if self._live is not None:
            hub.detach(self._live)
