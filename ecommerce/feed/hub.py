"""One reader of the feed a process, and its followers."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import Error, InterfaceError, OperationalError, connection

from ecommerce.errors import CursorExpired, Unavailable
from ecommerce.feed.events import (
    Event,
    Watch,
    check_cursor,
    cursor_value,
    events_after,
    expired,
    newest_seq,
    number_committed,
    place_of_now,
)
from ecommerce.feed.subscription import Match, Overrun, SlowReader, Subscription

__all__ = ["Follower", "Match", "SlowReader", "hub"]

log = logging.getLogger(__name__)

SHORTEST_NAP_S, LONGEST_NAP_S = 0.001, 0.01
RETRY_S, READY_S, IDLE_S, SWEEP_S = 0.5, 10, 10, 1


class Hub:
    """Reads the feed on a thread of its own while there is a subscriber."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a process does that was forked: it has the parent's memory, and none of its threads."""
        self.position = 0
        self.endings = 0  # how often `end_all` was called
        self.end_reason: Exception = Unavailable()
        self._subscriptions: set[Subscription] = set()
        self._arrivals = 0  # how many are about to subscribe
        self._lock = threading.Lock()
        self._is_ready: threading.Event | None = None  # of the thread that runs; None while none does

    def attach(self, match: Match, wake: Callable[[], None], after: int) -> Subscription | None:
        """Go live after place `after`; None when the feed has gone on further, and that is to be read first."""
        with self._arriving() as is_ready:
            if not is_ready.wait(timeout=READY_S):
                raise Unavailable("The change feed does not answer", retry_after_s=2)
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
        """End every follower there is, those that replay too, as the process does when it goes."""
        self.end_reason = reason
        self.endings += 1
        self._end(self._all(), reason)

    def _all(self) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions)

    def _end(self, subscriptions: Sequence[Subscription], reason: Exception) -> None:
        for subscription in subscriptions:
            self.detach(subscription)
            subscription.end(reason)

    @contextmanager
    def _arriving(self) -> Iterator[threading.Event]:
        """Have the thread run, and not end meanwhile; yield what is set once it reads."""
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
        watch, naps, outage, has_more = Watch(), _Naps(), _Outage(), False
        last_wanted_at = last_swept_at = time.monotonic()
        while not self._may_end(last_wanted_at):
            try:
                if not is_ready.is_set():
                    self.position = place_of_now()
                    is_ready.set()
                if has_more or watch.sees_something():
                    has_more = self._deliver()
                outage.end()
                if has_more:
                    naps.shorten()
                else:
                    naps.take()
            except Exception as error:  # noqa: BLE001  # the followers of this process have no other reader
                outage.go_on(error)
                watch = Watch()  # another connection counts anew
            now = time.monotonic()
            last_wanted_at = now if self._subscriptions else last_wanted_at
            if now - last_swept_at > SWEEP_S:
                last_swept_at = now
                self._sweep()
        connection.close()

    def _may_end(self, last_wanted_at: float) -> bool:
        """Whether nobody has listened for a while, decided under the lock: the next one starts another thread."""
        if time.monotonic() - last_wanted_at < IDLE_S:
            return False
        with self._lock:
            if self._subscriptions or self._arrivals:
                return False
            self._is_ready = None
            return True

    def _deliver(self) -> bool:
        """Hand a page of what is new to every subscriber, and return whether there was something."""
        number_committed()
        newest = newest_seq()
        if newest == self.position:
            return False
        try:
            events = events_after(self.position)
        except CursorExpired as error:
            self._begin_anew(newest, error)
        else:
            self._hand_on(events) if events else self._begin_anew(newest, expired())
        return True

    def _hand_on(self, events: Sequence[Event]) -> None:
        with self._lock:
            self.position = events[-1].seq
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            try:
                subscription.offer(events)
            except Exception as error:  # of its `match` or `wake`: nothing to the others
                log.exception("A follower of the change feed failed")
                self._end([subscription], error)

    def _begin_anew(self, newest: int, reason: Exception) -> None:
        """Go on from `newest` when events are gone that nobody has seen, or the feed itself was emptied."""
        with self._lock:
            self.position = newest
            subscriptions = list(self._subscriptions)
        log.warning("The change feed has a hole: its %s followers must begin anew", len(subscriptions))
        self._end(subscriptions, reason)

    def _sweep(self) -> None:
        for subscription in self._all():
            if subscription.end_if_stalled():
                self.detach(subscription)


class _Naps:
    """Rests between looks, longer the longer there is nothing."""

    def __init__(self) -> None:
        self.shorten()

    def shorten(self) -> None:
        self._nap_s, self._rested_at = SHORTEST_NAP_S, time.monotonic()

    def take(self) -> None:
        # A look is slow on PostgreSQL while an old transaction keeps dead rows: it shall not take all the time.
        time.sleep(max(self._nap_s, time.monotonic() - self._rested_at))
        self._nap_s, self._rested_at = min(self._nap_s * 1.5, LONGEST_NAP_S), time.monotonic()


class _Outage:
    """The time in which the feed can't be read; its log has a line at the beginning and one at the end."""

    _is_on = False

    def go_on(self, error: Exception) -> None:
        if not isinstance(error, Error):
            log.error("The change feed failed, and tries again", exc_info=error)
        elif not self._is_on:
            log.warning("The change feed lost its database, and tries again: %s", error)
        self._is_on = True
        connection.close()
        time.sleep(RETRY_S)

    def end(self) -> None:
        if self._is_on:
            log.warning("The change feed reads its database again")
        self._is_on = False


hub = Hub()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=hub.reset)


class Follower:
    """One subscriber's way through the feed: what was, from a cursor on, and then what comes, without a seam.

    One thread at a time calls `take`, which reads the database while it replays; `wake` is called, on any thread, when
    there is something to take, and must not block. Raises CursorExpired or InvalidInput when it is made.
    """

    def __init__(self, match: Match, wake: Callable[[], None], after: str | None = None) -> None:
        self._match, self._wake = match, wake
        self._live: Subscription | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self._endings = hub.endings
        if after:
            self._place = cursor_value(after)
            check_cursor(self._place)
        else:
            self._place = place_of_now()
            self._go_live()

    @property
    def is_replaying(self) -> bool:
        """Whether `take` reads the database, and is to be called again at once."""
        live = self._live
        return not self._is_closed and (live is None or live.is_overrun)

    @property
    def cursor(self) -> str:
        """The place up to which everything was taken, whether it matched or not."""
        return str(self._place)

    def take(self) -> list[Event]:
        """Return the next events, in order; none when there are none yet.

        Raises CursorExpired when what comes next is no longer kept, SlowReader, and what `hub.end_all` was given.
        """
        live = self._live
        if live is None:
            return [] if self._is_closed else self._replay()
        try:
            events = live.take()
        except Overrun:
            hub.detach(live)
            self._live = None  # and so `is_replaying`: the caller may not be on a thread that may read the database
            return []
        self._place = live.taken
        return events

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            live, self._live = self._live, None
        if live is not None:
            hub.detach(live)

    def _replay(self) -> list[Event]:
        if self._endings != hub.endings:
            raise hub.end_reason.with_traceback(None)
        events = self._read()
        if events:
            self._place = events[-1].seq
        else:
            self._go_live()
        return [event for event in events if self._match(event)]

    def _read(self) -> list[Event]:
        try:
            return events_after(self._place)
        except (OperationalError, InterfaceError):
            connection.close_if_unusable_or_obsolete()  # the thread's last use of it may be long ago
            return events_after(self._place)

    def _go_live(self) -> None:
        live = hub.attach(self._match, self._wake, self._place)
        if live is None:
            return
        with self._lock:
            self._live = None if self._is_closed else live
        if self._is_closed:
            hub.detach(live)
        elif self._endings != hub.endings:
            live.end(hub.end_reason)
