"""The change feed's rows, in the order every client sees them.

Database triggers write a row for every change of a product and every step of an order, in the change's transaction.
What a client keeps of its place is a row's `seq`: 1, 2, 3, ... without a hole.

On SQLite the trigger gives a row its `seq`, since transactions that write come one after the other. On PostgreSQL rows
become visible in another order than they were numbered, so `number_committed` numbers those that are committed, in
order of `id`; the lock on a product's row makes that the order of its changes.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from ecommerce.databases import is_postgresql
from ecommerce.errors import CursorExpired, InvalidInput
from ecommerce.models import ChangeEvent

log = logging.getLogger(__name__)

PAGE = 500
PRUNED_AT_ONCE = 5_000
SEQUENCER_LOCK = 7_301_947_022  # any number that nobody else locks
NUMBERED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: «product 7 is now 19.99, 3 left». Price and stock are a product's, status and user an order's."""

    seq: int
    topic: str
    kind: str
    object_id: int
    user_id: int | None
    price: Decimal | None
    stock: int | None
    status: str | None
    at: datetime

    @property
    def cursor(self) -> str:
        return str(self.seq)

    @property
    def key(self) -> tuple[str, int]:
        """What the fact is about."""
        return self.topic, self.object_id


COLUMNS = ("seq", "topic", "kind", "object_id", "user_id", "price", "stock", "status", "at")
_NUMBERED = ChangeEvent.objects.filter(seq__isnull=False)
# Asked at every look, and so by hand: Django takes longer to compile a query than the database to answer it.
_NEWEST = "SELECT max(seq) FROM ecommerce_changeevent"
_LAST_UNNUMBERED = "SELECT max(id) FROM ecommerce_changeevent WHERE seq IS NULL"
_IS_UNNUMBERED = "SELECT EXISTS (SELECT 1 FROM ecommerce_changeevent WHERE seq IS NULL AND id <= %s)"


def cursor_value(cursor: str) -> int:
    """Read a cursor. Raises InvalidInput for what is none of ours."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("The cursor is none of this feed")
    return int(cursor)


def newest_seq() -> int:
    """Return the place after the last event that is numbered; 0 before the first."""
    return _value(_NEWEST) or 0


def place_of_now() -> int:
    """Return the place after all that is committed by now, numbering what is not numbered yet."""
    last = _value(_LAST_UNNUMBERED)
    while last and _value(_IS_UNNUMBERED, last):
        _execute(_NUMBER)
        time.sleep(0.001)  # for another process that does it
    return newest_seq()


def expired() -> CursorExpired:
    return CursorExpired("The cursor is older than what is kept: read the present state, and follow from now")


def check_cursor(after: int) -> None:
    """Raise CursorExpired when events after this place are no longer kept, or the place is not of this feed."""
    oldest = _NUMBERED.order_by("seq").values_list("seq", flat=True).first()
    if (oldest is not None and after < oldest - 1) or after > newest_seq():
        raise expired()


def events_after(seq: int, *, limit: int = PAGE) -> list[Event]:
    """Return the next events in order. One statement. Raises CursorExpired when one of them is no longer kept."""
    rows = list(ChangeEvent.objects.filter(seq__gt=seq).order_by("seq").values_list(*COLUMNS)[:limit])
    if rows and rows[-1][0] != seq + len(rows):
        raise expired()
    return [Event(*row) for row in rows]


# One statement, and so one round trip: were the transaction this side's, a process that is stopped or cut off in the
# middle of it would keep the lock. Each query in it sees what was committed before it, the lock's last holder's too.
_NUMBER = f"""
DO $$ BEGIN
    IF pg_try_advisory_xact_lock({SEQUENCER_LOCK}) THEN
        WITH fresh AS (
            SELECT id, row_number() OVER (ORDER BY id) AS place
            FROM (
                SELECT id FROM ecommerce_changeevent WHERE seq IS NULL ORDER BY id LIMIT {NUMBERED_AT_ONCE}
            ) AS unnumbered
        )
        UPDATE ecommerce_changeevent AS event
        SET seq = fresh.place + (SELECT coalesce(max(seq), 0) FROM ecommerce_changeevent)
        FROM fresh WHERE event.id = fresh.id;
    END IF;
END $$
"""


def number_committed() -> None:
    """Give up to NUMBERED_AT_ONCE committed events their place, unless another process is doing it."""
    if is_postgresql() and _value(_LAST_UNNUMBERED):
        _execute(_NUMBER)


def _value(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


class Watch:
    """Looks whether another transaction was committed, on this thread's connection."""

    def __init__(self) -> None:
        self._sql = "SELECT pg_current_snapshot()::text" if is_postgresql() else "PRAGMA data_version"
        self._cursor: Any = None  # kept: to make one takes as long as to look
        self._version: Any = None

    def sees_something(self) -> bool:
        """Whether something was committed since the last look; True at the first."""
        self._cursor = self._cursor or connection.cursor()
        self._cursor.execute(self._sql)
        before, (self._version,) = self._version, self._cursor.fetchone()
        return bool(before != self._version)


# Who must have read an event before it may go, by name: each tells the place it has come to, or None for no matter.
READERS: dict[str, Callable[[], int | None]] = {}


def prune(*, days: float) -> int:
    """Delete the events before the first that is younger than `days`, or that a reader still needs; never the newest.

    Returns how many. What is left is without a hole, whatever the clocks said. No transaction of it is long.
    """
    newest = place_of_now()
    kept = _NUMBERED.filter(at__gte=timezone.now() - timedelta(days=days)).order_by("seq")
    end = min(kept.values_list("seq", flat=True).first() or newest, newest)
    for name, place_of in READERS.items():
        reached = place_of()
        if reached is not None and reached + 1 < end:
            log.warning("Events after %s are kept, however old: %s has not come to them", reached, name)
            end = reached + 1
    deleted, place = 0, _NUMBERED.order_by("seq").values_list("seq", flat=True).first() or 0
    while place < end:
        place = min(place + PRUNED_AT_ONCE, end)
        deleted += ChangeEvent.objects.filter(seq__lt=place).delete()[0]
    return deleted
