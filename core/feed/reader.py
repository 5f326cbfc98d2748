"""Reads the feed for one stream."""

import threading
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from core.feed.events import check_cursor, cursor_value, events_after, position_now
from core.feed.hub import Hub
from core.feed.inbox import Inbox, Match, Overrun
from core.models import Event
from core.runtime import singleton


class FeedReader:
    """Replays past events from a cursor on, then goes live without a gap.

    Only one thread at a time may call `take`, which reads the database while it replays. `wake` is called on any thread
    when there are events to take; it must not block. The constructor raises CursorExpired or InvalidInput.
    """

    def __init__(self, match: Match, wake: Callable[[], None], after: str | None = None) -> None:
        self._hub, self._match, self._wake = singleton(Hub), match, wake
        self._live: Inbox | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        if after:
            self._position = cursor_value(after)
            check_cursor(self._position)
        else:
            self._position = position_now()
            self._go_live()

    @property
    def is_replaying(self) -> bool:
        """Whether `take` reads past events from the database. If so, call it again without waiting for `wake`."""
        live = self._live
        return not self._is_closed and (live is None or live.is_overrun)

    @property
    def cursor(self) -> str:
        """The position up to which all events were taken, whether they matched or not."""
        return str(self._position)

    def take(self) -> list[Event]:
        """Return the next events, in order; an empty list if there are none yet.

        Raises CursorExpired if the next events are no longer kept, and SlowReader.
        """
        live = self._live
        if live is None:
            return [] if self._is_closed else self._replay()
        try:
            events = live.take()
        except Overrun:
            self._hub.detach(live)
            self._live = None  # `is_replaying` is true now: this thread may have to avoid database queries
            return []
        self._position = live.taken
        return events

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            live, self._live = self._live, None
        if live is not None:
            self._hub.detach(live)

    def _replay(self) -> list[Event]:
        events = self._read()
        if events:
            self._position = events[-1].seq
        else:
            self._go_live()
        return [event for event in events if self._match(event)]

    def _read(self) -> list[Event]:
        try:
            return events_after(self._position)
        except (OperationalError, InterfaceError):
            connection.close_if_unusable_or_obsolete()  # the thread may not have used it for a long time
            return events_after(self._position)

    def _go_live(self) -> None:
        live = self._hub.attach(self._match, self._wake, self._position)
        if live is None:
            return
        with self._lock:
            self._live = None if self._is_closed else live
        if self._is_closed:
            self._hub.detach(live)
