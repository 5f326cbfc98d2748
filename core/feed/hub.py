"""Polls the feed once for all streams of a process, and delivers new events to their inboxes."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import Error, connection

from core.databases import direct_connection
from core.errors import CursorExpired, Unavailable
from core.feed.events import (
    CommitWatch,
    events_after,
    expired,
    newest_seq,
    number_committed,
    position_now,
)
from core.feed.inbox import Inbox, Match
from core.models import Event

log = logging.getLogger(__name__)

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.01
RETRY_S, READY_S, IDLE_S, SWEEP_S = 0.5, 10, 10, 1


class Hub:
    """Polls the feed on its own thread while there are inboxes."""

    def __init__(self) -> None:
        self.position = 0
        self.polled_at: float | None = None  # of the last poll that succeeded; None if no thread runs
        self._inboxes: set[Inbox] = set()
        self._arrivals = 0  # callers that are about to get an inbox
        self._lock = threading.Lock()
        self._is_ready: threading.Event | None = None  # of the running thread; None if no thread runs

    def attach(self, match: Match, wake: Callable[[], None], after: int) -> Inbox | None:
        """Return an inbox for the events after the position `after`.

        Returns None if the hub has already delivered some of them: read these from the feed first.
        """
        with self._arriving() as is_ready:
            if not is_ready.wait(timeout=READY_S):
                raise Unavailable("The change feed does not answer", retry_after_s=2)
            with self._lock:
                if after < self.position:
                    return None
                inbox = Inbox(match, wake, after)
                self._inboxes.add(inbox)
                return inbox

    def detach(self, inbox: Inbox) -> None:
        with self._lock:
            self._inboxes.discard(inbox)

    def _all(self) -> list[Inbox]:
        with self._lock:
            return list(self._inboxes)

    def _end(self, inboxes: Sequence[Inbox], reason: Exception) -> None:
        for inbox in inboxes:
            self.detach(inbox)
            inbox.end(reason)

    @contextmanager
    def _arriving(self) -> Iterator[threading.Event]:
        """Start the thread, and keep it from ending during the block.

        Yields the `threading.Event` that the thread sets when it begins to read the feed.
        """
        with self._lock:
            if self._is_ready is None:
                is_ready = threading.Event()
                threading.Thread(target=self._run, args=(is_ready,), name="feed", daemon=True).start()
                self._is_ready = is_ready
            self._arrivals += 1
            is_ready = self._is_ready
        try:
            yield is_ready
        finally:
            with self._lock:
                self._arrivals -= 1

    # -- On the thread ------------------------------------------------------------------------------------------
    def _run(self, is_ready: threading.Event) -> None:
        with direct_connection():  # polls often, and PgBouncer would run each poll in a transaction of its own
            self._poll(is_ready)

    def _poll(self, is_ready: threading.Event) -> None:
        watch, pauses, outage, has_more = CommitWatch(), _Pauses(), _Outage(), False
        last_wanted_at = last_swept_at = time.monotonic()
        while not self._may_end(last_wanted_at):
            try:
                if not is_ready.is_set():
                    self.position = position_now()
                    is_ready.set()
                if has_more or watch.sees_something():
                    has_more = self._deliver()
                outage.end()
                self.polled_at = time.monotonic()
                if has_more:
                    pauses.shorten()
                else:
                    pauses.wait()
            except Exception as error:  # noqa: BLE001  # the inboxes of this process have no other hub
                outage.go_on(error)
                watch = CommitWatch()  # a new connection has its own version count
            now = time.monotonic()
            last_wanted_at = now if self._inboxes else last_wanted_at
            if now - last_swept_at > SWEEP_S:
                last_swept_at = now
                self._sweep()
        self.polled_at = None
        connection.close()

    @property
    def lag_s(self) -> float:
        """Seconds since the last poll that succeeded; 0 if there is no stream."""
        polled_at = self.polled_at
        return time.monotonic() - polled_at if polled_at is not None else 0.0

    def _may_end(self, last_wanted_at: float) -> bool:
        """Whether the thread may end, because there was no inbox for IDLE_S.

        If so, `_is_ready` is cleared under the same lock, so that the next caller starts a new thread.
        """
        if time.monotonic() - last_wanted_at < IDLE_S:
            return False
        with self._lock:
            if self._inboxes or self._arrivals:
                return False
            self._is_ready = None
            return True

    def _deliver(self) -> bool:
        """Deliver a page of new events to every inbox. Return whether there were any."""
        number_committed()
        newest = newest_seq()
        if newest == self.position:
            return False
        try:
            events = events_after(self.position)
        except CursorExpired as error:
            self._begin_anew(newest, error)
        else:
            self._distribute(events) if events else self._begin_anew(newest, expired())
        return True

    def _distribute(self, events: Sequence[Event]) -> None:
        with self._lock:
            self.position = events[-1].seq
            inboxes = list(self._inboxes)
        for inbox in inboxes:
            try:
                inbox.offer(events)
            except Exception as error:  # raised by its `match` or `wake`: the others go on
                log.exception("A reader of the change feed failed")
                self._end([inbox], error)

    def _begin_anew(self, newest: int, reason: Exception) -> None:
        """Continue from `newest` and end all readers, if unread events were deleted or the feed was emptied."""
        with self._lock:
            self.position = newest
            inboxes = list(self._inboxes)
        log.warning("The change feed has a gap: its %s readers must start over", len(inboxes))
        self._end(inboxes, reason)

    def _sweep(self) -> None:
        for inbox in self._all():
            if inbox.end_if_stalled():
                self.detach(inbox)


class _Pauses:
    """Pauses between polls. They get longer while there are no events."""

    def __init__(self) -> None:
        self.shorten()

    def shorten(self) -> None:
        self._pause_s, self._rested_at = SHORTEST_PAUSE_S, time.monotonic()

    def wait(self) -> None:
        # On PostgreSQL a poll is slow while an old transaction keeps dead rows: sleep at least as long as it took.
        time.sleep(max(self._pause_s, time.monotonic() - self._rested_at))
        self._pause_s, self._rested_at = min(self._pause_s * 1.5, LONGEST_PAUSE_S), time.monotonic()


class _Outage:
    """The time in which the feed can't be read. Logs one line at its beginning and one at its end."""

    _is_on = False

    def go_on(self, error: Exception) -> None:
        if not isinstance(error, Error):
            log.error("The change feed failed and retries", exc_info=error)
        elif not self._is_on:
            log.warning("The change feed lost its database and retries: %s", error)
        self._is_on = True
        connection.close()
        time.sleep(RETRY_S)

    def end(self) -> None:
        if self._is_on:
            log.warning("The change feed reads its database again")
        self._is_on = False
