"""Pages that keep their place while rows come and go: they go on after a row's values, not after a count of rows."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import RowNumber

from ecommerce.errors import InvalidInput
from ecommerce.validators import MAX_INT32, is_storable


@dataclass(frozen=True)
class Sort:
    """A column, and the direction; ties go by id in the same direction."""

    key: str
    descending: bool = False

    @property
    def spelled(self) -> str:
        return f"-{self.key}" if self.descending else self.key

    def applied(self, queryset: models.QuerySet[Any], *, backwards: bool = False) -> models.QuerySet[Any]:
        sign = "-" if self.descending != backwards else ""
        return queryset.order_by(f"{sign}{self.key}", f"{sign}id")


def sort_of(text: str | None, keys: tuple[str, ...], default: str, name: str = "sort_by") -> Sort:
    """Read `price` or `-price`, given as parameter `name`. Raises InvalidInput for what is none of `keys`."""
    text = text or default
    key = text.removeprefix("-")
    if key not in keys:
        raise InvalidInput(fields={name: f"{name} must be one of {', '.join(keys)}, with a leading - for descending"})
    return Sort(key, descending=text.startswith("-"))


class Slice(NamedTuple):
    """What a client asks of a list: `first` rows after a cursor, or `last` rows before one."""

    first: int | None = None
    last: int | None = None
    after: str | None = None
    before: str | None = None


class Page(NamedTuple):
    rows: list[Any]
    has_next: bool
    has_previous: bool


def page_of(queryset: models.QuerySet[Any], sort: Sort, part: Slice) -> Page:
    """Return one page. One statement. Raises InvalidInput for a cursor of another list or order."""
    backwards = part.first is None and part.last is not None
    limit = part.last if backwards else part.first
    rows = sort.applied(within(queryset, sort, part), backwards=backwards)
    return _page(list(rows if limit is None else rows[: limit + 1]), part, backwards=backwards)


def pages_by(queryset: models.QuerySet[Any], owner: str, sort: Sort, part: Slice) -> dict[Any, Page]:
    """Return the same page of each owner's rows, by owner; `owner` names the column. One statement."""
    backwards = part.first is None and part.last is not None
    limit = (part.last if backwards else part.first) or 0
    narrowed = sort.applied(within(queryset, sort, part), backwards=backwards)
    place = models.Window(RowNumber(), partition_by=[owner], order_by=list(narrowed.query.order_by))
    rows_by_owner: dict[Any, list[Any]] = {}
    for row in narrowed.annotate(place=place).filter(place__lte=limit + 1):
        rows_by_owner.setdefault(getattr(row, owner), []).append(row)
    return {key: _page(rows, part, backwards=backwards) for key, rows in rows_by_owner.items()}


def _page(rows: list[Any], part: Slice, *, backwards: bool) -> Page:
    """Cut what was read, which is one row more than asked for where there is one."""
    limit = part.last if backwards else part.first
    has_more = limit is not None and len(rows) > limit
    rows = rows[:limit]
    if backwards:
        return Page(rows[::-1], has_next=part.before is not None, has_previous=has_more)
    return Page(rows, has_next=has_more, has_previous=part.after is not None)


def within(queryset: models.QuerySet[Any], sort: Sort, part: Slice) -> models.QuerySet[Any]:
    """Narrow to the rows between the cursors."""
    if part.after is not None:
        queryset = queryset.filter(_beyond(queryset.model, sort, part.after, "after", descending=sort.descending))
    if part.before is not None:
        queryset = queryset.filter(_beyond(queryset.model, sort, part.before, "before", descending=not sort.descending))
    return queryset


def cursor_of(row: models.Model, sort: Sort) -> str:
    """Return the opaque place of a row in this order."""
    value = getattr(row, sort.key)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return base64.urlsafe_b64encode(json.dumps([sort.spelled, text, row.pk]).encode()).decode()


def _beyond(model: type[models.Model], sort: Sort, cursor: str, name: str, *, descending: bool) -> models.Q:
    value, pk = _read(model, sort, cursor, name)
    past = "lt" if descending else "gt"
    if sort.key == "id":
        return models.Q(**{f"id__{past}": pk})
    # The first condition says less than the second, and lets an index be used.
    tied = models.Q(**{sort.key: value, f"id__{past}": pk})
    return models.Q(**{f"{sort.key}__{past}e": value}) & (models.Q(**{f"{sort.key}__{past}": value}) | tied)


def _read(model: type[models.Model], sort: Sort, cursor: str, name: str) -> tuple[Any, int]:
    try:
        spelled, text, pk = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if spelled != sort.spelled or type(text) is not str or type(pk) is not int or not 0 < pk <= MAX_INT32:
            raise ValueError
        value = _value_of(model._meta.get_field(sort.key), text)
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        raise InvalidInput(f"{name} is no cursor of this list in this order") from error
    return value, pk


def _value_of(field: Any, text: str) -> Any:
    """Read what `cursor_of` wrote of a field. Raises ValueError or ValidationError for what no row can hold."""
    value = field.to_python(text)
    if isinstance(value, str):
        if not is_storable(value):
            raise ValueError
        return value  # by no other rule: a row that was written past them must not end its list
    field.run_validators(value)
    if isinstance(value, datetime) and value.utcoffset() != timedelta(0):
        raise ValueError
    return value
