"""Loads a relation for a group of rows at once.

graphql-core resolves row by row, and would load the relations of each row with a separate SQL statement. So rows that
were loaded together form a group. If a relation of one row is requested, it is loaded for the whole group: one
statement per nesting level, for any length of the lists, even if aliases and fragments repeat the relation.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import models
from django.db.models import Prefetch, prefetch_related_objects

from core.django_internals import is_prefetched

Row = TypeVar("Row", bound=models.Model)
Loaded = TypeVar("Loaded")


def grouped(rows: Iterable[Row]) -> list[Row]:
    """Put rows into a new group. If a row already has a group, it stays in that one."""
    group = list(rows)
    for row in group:
        row.__dict__.setdefault("_peers", group)
    return group


def related(row: models.Model, name: str, queryset: models.QuerySet[Any]) -> Any:
    """Return relation `name`: a list, or one row or None. `queryset` limits and orders the rows."""
    field: Any = type(row)._meta.get_field(name)  # a relation, of either direction
    if not _is_loaded(row, field):
        group = [peer for peer in _peers(row) if not _is_loaded(peer, field)]
        (_load_one if field.many_to_one else _load_many)(group, field, queryset)
    if field.many_to_one:
        return getattr(row, name)
    # `grouped`: related rows that an action has loaded are not in a group yet.
    return grouped(getattr(row, field.get_accessor_name()).all())


def _load_one(group: Sequence[models.Model], field: Any, queryset: models.QuerySet[Any]) -> None:
    # Not by prefetch: on SQLite, Django 5.2 writes it as one comparison per id, and fails if there are a thousand.
    ids = {getattr(row, field.attname) for row in group}
    children = {child.pk: child for child in grouped(queryset.filter(pk__in=ids))}
    for row in group:
        field.set_cached_value(row, children.get(getattr(row, field.attname)))


def _load_many(group: Sequence[models.Model], field: Any, queryset: models.QuerySet[Any]) -> None:
    accessor = field.get_accessor_name()
    prefetch_related_objects(group, Prefetch(accessor, queryset))
    grouped(child for row in group for child in getattr(row, accessor).all())


def for_all(row: Row, key: Hashable, load: Callable[[Sequence[Row]], Mapping[int, Loaded]]) -> Loaded | None:
    """Return the result of `load` for this row. `load` is called once for the row's group, and maps ids to results."""
    loaded: dict[Hashable, Loaded | None] = row.__dict__.setdefault("_loaded", {})
    if key not in loaded:
        group = _peers(row)
        results = load(group)
        for peer in group:
            peer.__dict__.setdefault("_loaded", {})[key] = results.get(peer.pk)
    return loaded[key]


def _peers(row: Row) -> list[Row]:
    return row.__dict__.get("_peers") or [row]


def _is_loaded(row: models.Model, field: Any) -> bool:
    if field.many_to_one:
        return field.is_cached(row) or getattr(row, field.attname) is None
    return is_prefetched(row, field.get_accessor_name())
