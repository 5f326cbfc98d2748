"""Pages far from the start of a list: one query reads the ids, from the nearer end, and a second one reads the rows.

An index holds the ids in the order of the list, so the database skips entries of the index instead of table rows.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)
DEEP = 1_000  # rows before the page; if there are fewer, one query reads the page


def page_at(queryset: models.QuerySet[Row], start: int, size: int, total: int) -> models.QuerySet[Row]:
    """Return up to `size` rows after the first `start` of `total`, in the queryset's order."""
    if start < DEEP:
        return queryset[start : start + size]
    pks = queryset.prefetch_related(None).values_list("pk", flat=True)

    def read(limit: int, offset: int, is_reversed: bool) -> Sequence[int]:
        return list((pks.reverse() if is_reversed else pks)[offset : offset + limit])

    return queryset.filter(pk__in=from_nearer_end(read, start, size, total))


def from_nearer_end(
    read: Callable[[int, int, bool], Sequence[int]], start: int, size: int, total: int
) -> Sequence[int]:
    """Return the ids of a page, in any order; `read` takes a limit, an offset, and whether the list is reversed."""
    size = min(size, total - start)
    if size <= 0:
        return []
    rows_after = total - start - size
    return read(size, rows_after, True) if rows_after < start else read(size, start, False)
