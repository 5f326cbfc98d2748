"""The change feed's rows, in the order every client sees them.

Database triggers write a row for every change of a product and every step of an order, in the change's transaction.
What a client keeps of its place is a row's `seq`: 1, 2, 3, ... without a hole.

On SQLite the trigger gives a row its `seq`, since transactions that write come one after the other. On PostgreSQL rows
become visible in another order than they were numbered, so `number_committed` numbers those that are committed, in
order of `id`; the lock on a product's row makes that the order of its changes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from ecommerce.databases import is_postgresql
from ecommerce.errors import CursorExpired, InvalidInput
from ecommerce.models import ChangeEvent

PAGE = 500
SEQUENCER_LOCK = 7_301_947_022  # any number that nobody else locks


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


def cursor_value(cursor: str) -> int:
    """Read a cursor. Raises InvalidInput for what is none of ours."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("The cursor is none of this feed")
    return int(cursor)


def newest_seq() -> int:
    """Return the place after the last event that is numbered; 0 before the first."""
    return ChangeEvent.objects.exclude(seq=None).order_by("-seq").values_list("seq", flat=True).first() or 0


def check_cursor(after: int) -> None:
    """Raise CursorExpired when events after this place are no longer kept, or the place is not of this feed."""
    numbered = ChangeEvent.objects.exclude(seq=None).order_by("seq").values_list("seq", flat=True)
    oldest = numbered.first()
    if (oldest is not None and after < oldest - 1) or after > newest_seq():
        raise CursorExpired("The cursor is older than what is kept: read the present state, and follow from now")


def events_after(seq: int, *, limit: int = PAGE) -> list[Event]:
    """Return the next events in order. One statement."""
    rows = ChangeEvent.objects.filter(seq__gt=seq).order_by("seq").values_list(*COLUMNS)[:limit]
    return [Event(*row) for row in rows]


_NUMBER = """
WITH fresh AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM ecommerce_changeevent WHERE seq IS NULL ORDER BY id LIMIT %s) AS unnumbered
)
UPDATE ecommerce_changeevent AS event
SET seq = fresh.place + (SELECT coalesce(max(seq), 0) FROM ecommerce_changeevent)
FROM fresh WHERE event.id = fresh.id
"""


def number_committed(*, limit: int = 2_000) -> int:
    """Give committed events their place, and return how many; 0 also while another process does it."""
    if not is_postgresql() or not ChangeEvent.objects.filter(seq=None).exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_NUMBER, [limit])
        return cursor.rowcount


def data_version() -> Any:
    """Return what changes whenever another connection commits to the SQLite file; None on PostgreSQL."""
    if is_postgresql():
        return None
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return cursor.fetchone()[0]


def prune(*, days: float) -> int:
    """Delete events older than `days`, the newest never: the next one's place follows from it. Returns how many."""
    old = ChangeEvent.objects.filter(at__lt=timezone.now() - timedelta(days=days), seq__lt=newest_seq())
    return old.delete()[0]
