"""The change feed's rows, in the order in which every client receives them.

Database triggers write a row for every change of a product and every step of an order, in the change's transaction.
A client's cursor is the `seq` of a row: 1, 2, 3, ... without gaps.

On SQLite the trigger sets `seq`, because write transactions run one after the other. On PostgreSQL rows become visible
in another order than their ids, so `number_committed` sets the `seq` of committed rows, in order of `id`. Each change
locks its product's row, so the ids of a product's events are in the order of its changes.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from core.databases import is_postgresql
from core.errors import CursorExpired, InvalidInput
from core.models import ChangeEvent, Event

log = logging.getLogger(__name__)

PAGE = 500
PRUNED_AT_ONCE = 5_000
SEQUENCER_LOCK = 7_301_947_022  # any number that is not used for another lock
NUMBERED_AT_ONCE = 2_000


COLUMNS = tuple(field.name for field in fields(Event))
_NUMBERED = ChangeEvent.objects.filter(seq__isnull=False)
# Raw SQL, because every poll runs these: Django takes longer to compile a query than the database to answer it.
_NEWEST = "SELECT max(seq) FROM ecommerce_changeevent"
_LAST_UNNUMBERED = "SELECT max(id) FROM ecommerce_changeevent WHERE seq IS NULL"
_IS_UNNUMBERED = "SELECT EXISTS (SELECT 1 FROM ecommerce_changeevent WHERE seq IS NULL AND id <= %s)"


def cursor_value(cursor: str) -> int:
    """Parse a cursor. Raises InvalidInput if it is malformed."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("Invalid cursor")
    return int(cursor)


def newest_seq() -> int:
    """Return the `seq` of the last numbered event, or 0 if there is none."""
    return _value(_NEWEST) or 0


def position_now() -> int:
    """Number all events that are committed by now, and return the `seq` of the last event."""
    last = _value(_LAST_UNNUMBERED)
    while last and _value(_IS_UNNUMBERED, last):
        _execute(_NUMBER)
        time.sleep(0.001)  # another process may be numbering them: let it finish
    return newest_seq()


def expired() -> CursorExpired:
    return CursorExpired("The cursor is older than the stored events: read the current state and follow from now")


def check_cursor(after: int) -> None:
    """Raise CursorExpired if events after this position are no longer kept, or if it is after the newest event."""
    oldest = _NUMBERED.order_by("seq").values_list("seq", flat=True).first()
    if (oldest is not None and after < oldest - 1) or after > newest_seq():
        raise expired()


def events_after(seq: int, *, limit: int = PAGE) -> list[Event]:
    """Return the next events in order. One statement. Raises CursorExpired if one of them is no longer kept."""
    rows = list(ChangeEvent.objects.filter(seq__gt=seq).order_by("seq").values_list(*COLUMNS)[:limit])
    if rows and rows[-1][0] != seq + len(rows):
        raise expired()
    return [Event(*row) for row in rows]


# One statement, so one round trip: a transaction of several round trips would keep the lock if its process is stopped
# or cut off in the middle. Each query in it sees all earlier commits, including those of the lock's last holder.
_NUMBER = f"""
DO $$ BEGIN
    IF pg_try_advisory_xact_lock({SEQUENCER_LOCK}) THEN
        WITH fresh AS (
            SELECT id, row_number() OVER (ORDER BY id) AS position
            FROM (
                SELECT id FROM ecommerce_changeevent WHERE seq IS NULL ORDER BY id LIMIT {NUMBERED_AT_ONCE}
            ) AS unnumbered
        )
        UPDATE ecommerce_changeevent AS event
        SET seq = fresh.position + (SELECT coalesce(max(seq), 0) FROM ecommerce_changeevent)
        FROM fresh WHERE event.id = fresh.id;
    END IF;
END $$
"""  # noqa: S608  # constants of this module


def number_committed() -> None:
    """Number at most NUMBERED_AT_ONCE committed events, unless another process is doing it."""
    if is_postgresql() and _value(_LAST_UNNUMBERED):
        _execute(_NUMBER)


def _value(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


class CommitWatch:
    """Detects commits of other transactions, on this thread's connection."""

    def __init__(self) -> None:
        self._sql = "SELECT pg_current_snapshot()::text" if is_postgresql() else "PRAGMA data_version"
        self._cursor: Any = None  # reused: to create a cursor takes as long as the query
        self._version: Any = None

    def sees_something(self) -> bool:
        """Whether a transaction was committed since the last call; True at the first call."""
        self._cursor = self._cursor or connection.cursor()
        self._cursor.execute(self._sql)
        before, (self._version,) = self._version, self._cursor.fetchone()
        return bool(before != self._version)


# Consumers that pruning waits for: name -> position reached, None if irrelevant.
CONSUMERS: dict[str, Callable[[], int | None]] = {}


def prune_events(*, days: float) -> int:
    """Delete the events before the first one that is younger than `days` or that a consumer needs; never the newest.

    Returns the number of deleted events. The rest has no gaps, even if clocks were wrong. Each transaction is short.
    """
    newest = position_now()
    kept = _NUMBERED.filter(at__gte=timezone.now() - timedelta(days=days)).order_by("seq")
    end = min(kept.values_list("seq", flat=True).first() or newest, newest)
    for name, reached_by in CONSUMERS.items():
        reached = reached_by()
        if reached is not None and reached + 1 < end:
            log.warning("Events after %s are kept although they are old: %s has not read them yet", reached, name)
            end = reached + 1
    deleted, until = 0, _NUMBERED.order_by("seq").values_list("seq", flat=True).first() or 0
    while until < end:
        until = min(until + PRUNED_AT_ONCE, end)
        deleted += ChangeEvent.objects.filter(seq__lt=until).delete()[0]
    return deleted
