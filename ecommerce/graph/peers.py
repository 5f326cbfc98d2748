"""Relations of many rows, loaded together.

graphql-core walks row by row, and would load the relations of each row by a statement of its own. Rows that came
together know each other here, so that the first one asked for a relation loads it for all: one statement a nesting,
whatever the length of the lists, and however often aliases and fragments name it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import models
from django.db.models import Prefetch, prefetch_related_objects

Row = TypeVar("Row", bound=models.Model)


def together(rows: Iterable[Row]) -> list[Row]:
    """Introduce rows to each other; rows that have met stay with those they met first."""
    group = list(rows)
    for row in group:
        row.__dict__.setdefault("_peers", group)
    return group


def related(row: models.Model, name: str, queryset: models.QuerySet[Any]) -> Any:
    """Return relation `name`: a list, or one row or None. `queryset` is what of it may be seen, and in which order."""
    field = type(row)._meta.get_field(name)
    if not _is_loaded(row, field):
        group = [peer for peer in _peers(row) if not _is_loaded(peer, field)]
        (_load_one if field.many_to_one else _load_many)(group, field, queryset)
    # What an action loaded for reasons of its own has not met yet.
    return getattr(row, name) if field.many_to_one else together(getattr(row, field.get_accessor_name()).all())


def _load_one(group: Sequence[Any], field: Any, queryset: models.QuerySet[Any]) -> None:
    # Not by prefetch: on SQLite, Django 5.2 writes that as one comparison for each id, and a thousand are too many.
    ids = {getattr(row, field.attname) for row in group}
    children = {child.pk: child for child in together(queryset.filter(pk__in=ids))}
    for row in group:
        field.set_cached_value(row, children.get(getattr(row, field.attname)))


def _load_many(group: Sequence[Any], field: Any, queryset: models.QuerySet[Any]) -> None:
    accessor = field.get_accessor_name()
    prefetch_related_objects(group, Prefetch(accessor, queryset))
    together(child for row in group for child in getattr(row, accessor).all())


def for_all(row: models.Model, key: Hashable, load: Callable[[Sequence[Any]], Mapping[int, Any]]) -> Any:
    """Return what `load` gives for this row; `load` is called once for a row and its peers, and maps ids to results."""
    loaded = row.__dict__.setdefault("_loaded", {})
    if key not in loaded:
        group = _peers(row)
        results = load(group)
        for peer in group:
            peer.__dict__.setdefault("_loaded", {})[key] = results.get(peer.pk)
    return loaded[key]


def _peers(row: models.Model) -> list[Any]:
    return row.__dict__.get("_peers") or [row]


def _is_loaded(row: models.Model, field: Any) -> bool:
    if field.many_to_one:
        return field.is_cached(row) or getattr(row, field.attname) is None
    return field.get_accessor_name() in getattr(row, "_prefetched_objects_cache", {})
