"""Numbered pages: `page` 0 means 1, `page_size` 0 means 20, and above 100 is served as 100."""

from typing import Any, NamedTuple

from django.db import models

from ecommerce.errors import InvalidInput
from ecommerce.rest.pagination import DEFAULT_PER_PAGE, MAX_PER_PAGE


class Page(NamedTuple):
    rows: list[Any]
    total: int
    page: int
    total_pages: int

    @property
    def counts(self) -> dict[str, int]:
        """What every list's answer says beside the rows."""
        return {"total": self.total, "page": self.page, "total_pages": self.total_pages}


def page_of(queryset: models.QuerySet[Any], request: Any) -> Page:
    """Return the page asked for; no rows past the end. Two statements. Raises InvalidInput."""
    page = _not_negative(request.page, "page") or 1
    size = min(_not_negative(request.page_size, "page_size") or DEFAULT_PER_PAGE, MAX_PER_PAGE)
    total, start = queryset.count(), (page - 1) * size
    rows = list(queryset[start : start + size]) if start < total else []
    return Page(rows, total, page, -(-total // size))


def _not_negative(value: int, name: str) -> int:
    if value < 0:
        raise InvalidInput(fields={name: f"{name} must be a positive integer"})
    return value
