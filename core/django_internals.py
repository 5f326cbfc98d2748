"""The private members of Django that the shop uses, except those in its SQLite backend. Tried on django 5.2.19."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpResponse


def is_loaded(queryset: QuerySet[Any]) -> bool:
    """Whether the queryset has read its rows."""
    return queryset._result_cache is not None


def is_prefetched(row: Model, accessor: str) -> bool:
    """Whether the rows of a reverse or many-to-many relation were loaded by `prefetch_related_objects`."""
    return accessor in getattr(row, "_prefetched_objects_cache", {})


def set_prefetched(row: Model, accessor: str, related: Sequence[Model]) -> None:
    """Set the loaded rows of a row's reverse relation, as `prefetch_related_objects` does, without a query."""
    queryset: Any = getattr(row, accessor).get_queryset()
    queryset._result_cache, queryset._prefetch_done = list(related), True
    cache = row.__dict__.setdefault("_prefetched_objects_cache", {})
    cache[accessor] = queryset


def keep_out_of_log(response: HttpResponse) -> None:
    """Stop Django from logging this response, as it logs each one with status 500 or above as an error."""
    response._has_been_logged = True  # type: ignore[attr-defined]  # not in the stubs
