"""Keyset pagination: a page starts after a row's values, not after an offset, so other rows can't shift it."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import RowNumber

from core.errors import InvalidInput
from core.lists.first_rows import rows_at
from core.validation.validators import MAX_INT32, is_storable

Row = TypeVar("Row", bound=models.Model)
Rows = TypeVar("Rows", bound=models.QuerySet[Any])
DEFAULT_PER_PAGE, MAX_PER_PAGE = 20, 100  # rows of a page, in every protocol


class Sort(NamedTuple):
    """A column and a direction; ties are sorted by id in the same direction."""

    key: str
    descending: bool = False

    @property
    def spelled(self) -> str:
        return f"-{self.key}" if self.descending else self.key

    @property
    def reversed(self) -> "Sort":
        return Sort(self.key, descending=not self.descending)

    def applied(self, queryset: Rows, *, backwards: bool = False) -> Rows:
        sign = "-" if self.descending != backwards else ""
        return queryset.order_by(f"{sign}{self.key}", f"{sign}id")


NEWEST_FIRST = Sort("created_at", descending=True)


def sort_of(text: str | None, keys: tuple[str, ...], default: Sort, name: str = "sort_by") -> Sort:
    """Read `price` or `-price` from the parameter `name`. Raises InvalidInput if it is not one of `keys`."""
    text = text or default.spelled
    key = text.removeprefix("-")
    if key not in keys:
        raise InvalidInput(fields={name: f"{name} must be one of {', '.join(keys)}, with a leading - for descending"})
    return Sort(key, descending=text.startswith("-"))


def sort_in(queryset: models.QuerySet[Any]) -> Sort:
    """Return the order of a sorted queryset."""
    first = str(queryset.query.order_by[0])
    return Sort(first.removeprefix("-"), descending=first.startswith("-"))


class Slice(NamedTuple):
    """The requested part of a list: `first` rows after a cursor, or `last` rows before one."""

    first: int | None = None
    last: int | None = None
    after: str | None = None
    before: str | None = None

    @property
    def is_backwards(self) -> bool:
        return self.first is None and self.last is not None

    @property
    def limit(self) -> int | None:
        return self.last if self.is_backwards else self.first


class Page(NamedTuple, Generic[Row]):
    rows: list[Row]
    has_next: bool
    has_previous: bool


def page_of(queryset: models.QuerySet[Row], sort: Sort, wanted: Slice) -> Page[Row]:
    """Return one page. One statement, or those of `rows_at`.

    Raises InvalidInput if a cursor is malformed or was made for another order.
    """
    rows = sort.applied(within(queryset, sort, wanted), backwards=wanted.is_backwards)
    return cut_to_page(list(rows) if wanted.limit is None else rows_at(rows, 0, wanted.limit + 1), wanted)


def pages_by(queryset: models.QuerySet[Row], owner: str, sort: Sort, wanted: Slice) -> dict[int, Page[Row]]:
    """Return the same slice of each owner's rows, by owner; `owner` names the column. One statement."""
    narrowed = sort.applied(within(queryset, sort, wanted), backwards=wanted.is_backwards)
    rows_by_owner: dict[int, list[Row]] = {}
    for row in first_of_each(narrowed, owner, (wanted.limit or 0) + 1):
        rows_by_owner.setdefault(getattr(row, owner), []).append(row)
    return {key: cut_to_page(rows, wanted) for key, rows in rows_by_owner.items()}


def first_of_each(queryset: Rows, owner: str, most: int) -> Rows:
    """Keep the first rows of each owner, in the order of the queryset; `owner` names the column."""
    order: Any = queryset.query.order_by  # in the stubs, its type is wider than the type that a window accepts
    rank = models.Window(RowNumber(), partition_by=[owner], order_by=order)
    kept: Rows = queryset.annotate(rank=rank).filter(rank__lte=most)
    return kept


def cut_to_page(rows: list[Row], wanted: Slice) -> Page[Row]:
    """Cut the rows to the limit; if one more row was read, there is another page. `last` rows come in reverse order."""
    has_more = wanted.limit is not None and len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    if wanted.is_backwards:
        return Page(rows[::-1], has_next=wanted.before is not None, has_previous=has_more)
    return Page(rows, has_next=has_more, has_previous=wanted.after is not None)


def within(queryset: models.QuerySet[Row], sort: Sort, wanted: Slice) -> models.QuerySet[Row]:
    """Keep only the rows between the cursors."""
    if wanted.after is not None:
        queryset = queryset.filter(_beyond(queryset.model, sort, wanted.after, "after", descending=sort.descending))
    if wanted.before is not None:
        is_reversed = not sort.descending
        queryset = queryset.filter(_beyond(queryset.model, sort, wanted.before, "before", descending=is_reversed))
    return queryset


def total_after(start: int, rows: Sequence[Any], size: int) -> int | None:
    """Return the number of all rows if this page is the last one, which has fewer than `size` rows; else None."""
    return start + len(rows) if len(rows) < size and (rows or not start) else None


def mark_of(*facts: object) -> str:
    """Return a short hash that differs if the lists or filters differ."""
    return hashlib.blake2s(repr(facts).encode(errors="surrogatepass"), digest_size=6).hexdigest()


def position_in(cursor: str, mark: str) -> str | None:
    """Return the position in a cursor; None if it is empty. Raises InvalidInput if the cursor has another mark."""
    position, _, found = cursor.rpartition(".")
    if cursor and (found != mark or not position):
        raise _mismatch("cursor")
    return position or None


def page_after(queryset: models.QuerySet[Row], sort: Sort, size: int, position: str | None) -> Page[Row]:
    """Return the page after a position, or the first page. One statement. Raises InvalidInput if the order differs."""
    try:
        return page_of(queryset, sort, Slice(first=size, after=position))
    except InvalidInput as error:
        raise _mismatch("cursor") from error


def _mismatch(name: str) -> InvalidInput:
    return InvalidInput(fields={name: f"{name} does not match this list, its filters and its order"})


def cursor_of(row: models.Model, sort: Sort) -> str:
    """Return the position of a row in this order, as an opaque text."""
    return cursor_at(sort, getattr(row, sort.key), row.pk)


def cursor_at(sort: Sort, value: object, pk: int) -> str:
    """Return the position after a row with this value of the sort's column and this id."""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return base64.urlsafe_b64encode(json.dumps([sort.spelled, text, pk]).encode()).decode()


def _beyond(model: type[models.Model], sort: Sort, cursor: str, name: str, *, descending: bool) -> models.Q:
    value, pk = read_cursor(model, sort, cursor, name)
    return beyond(sort, value, pk, descending=descending)


def beyond(sort: Sort, value: object, pk: object, *, descending: bool) -> models.Q:
    """Return the condition of the rows past a row with this value of the sort's column and this id."""
    past = "lt" if descending else "gt"
    if sort.key == "id":
        return models.Q(**{f"id__{past}": pk})
    # The second condition implies the first. The first is there because the database can use an index for it.
    tied = models.Q(**{sort.key: value, f"id__{past}": pk})
    return models.Q(**{f"{sort.key}__{past}e": value}) & (models.Q(**{f"{sort.key}__{past}": value}) | tied)


def read_cursor(model: type[models.Model], sort: Sort, cursor: str, name: str) -> tuple[object, int]:
    """Return the value and the id of the row that a cursor refers to. Raises InvalidInput that names the parameter."""
    try:
        spelled, text, pk = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if spelled != sort.spelled or type(text) is not str or type(pk) is not int or not 0 < pk <= MAX_INT32:
            raise ValueError
        value = _value_of(model._meta.get_field(sort.key), text)
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        raise _mismatch(name) from error
    return value, pk


def _value_of(field: Any, text: str) -> Any:
    """Parse a value that `cursor_of` wrote. Raises ValueError or ValidationError if no row can hold it."""
    value = field.to_python(text)
    if isinstance(value, str):
        if not is_storable(value):
            raise ValueError
        return value  # without the field's validators: a row that bypassed them must not break its list
    field.run_validators(value)
    if isinstance(value, datetime) and value.utcoffset() != timedelta(0):
        raise ValueError
    return value
