"""Pages of a list: numbered in v1, by cursor in v2."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from django.db import models
from django.urls import ResolverMatch
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from core.errors import BadParameters, InvalidInput
from core.lists.deep_pages import DEEP, page_at
from core.lists.first_rows import rows_at
from core.lists.keyset import (
    DEFAULT_PER_PAGE,
    MAX_PER_PAGE,
    cursor_of,
    mark_of,
    page_after,
    position_in,
    sort_in,
    total_after,
)
from core.protocols.rest.versions import V1, V2

Row = TypeVar("Row", bound=models.Model)
MAX_PAGE_NUMBER = 10**18 - 1  # the response contains the page number, and some JSON parsers read at most 64 bits


class Listing(Protocol):
    """A view of a list, with the name of the list in its response."""

    @property
    def list_name(self) -> str: ...


class Pages(BasePagination):
    """Base of both kinds of pages. The view's `list_name` is the name of the list in the response."""

    list_name = "rows"
    list_extra: Mapping[str, object] = {}  # JSON Schema of the other fields of the response

    def read(self, request: Request, view: Listing, bad: BadParameters) -> None:
        """Read the parameters of the page. `bad` collects their errors.

        Call `paginate_queryset` only if there are no errors.
        """
        self.request, self.list_name = request, view.list_name
        self.read_parameters(bad)

    def read_parameters(self, bad: BadParameters) -> None:
        raise NotImplementedError

    def positive(self, name: str, default: int, most: int = MAX_PAGE_NUMBER) -> int:
        """Read a parameter. Raises InvalidInput if it is not a positive integer or is greater than `most`."""
        text = self.request.query_params.get(name)
        if text is None:
            return default
        digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
        if not digits:
            raise InvalidInput(fields={name: f"{name} must be a positive integer"})
        if len(digits) > len(str(most)) or int(digits) > most:
            raise InvalidInput(fields={name: f"{name} max is {most}"})
        return int(digits)

    def size(self, name: str) -> int:
        """Read the number of rows per page. Raises InvalidInput."""
        return self.positive(name, DEFAULT_PER_PAGE, MAX_PER_PAGE)

    def _schema_of(self, rows: dict[str, object], **more: dict[str, object]) -> dict[str, object]:
        fields = {**self.list_extra, self.list_name: rows, **more}
        return {"type": "object", "required": list(fields), "properties": fields}


class NumberedPages(Pages):
    """Pages by `page` and `per_page`, in one or two SQL statements; three if the page is deep, five for a search."""

    def read_parameters(self, bad: BadParameters) -> None:
        with bad:
            self.page = self.positive("page", 1)
        with bad:
            self.per_page = self.size("per_page")

    def paginate_queryset(  # type: ignore[override]  # a queryset only, no list
        self, queryset: models.QuerySet[Row], request: Request, view: APIView | None = None
    ) -> list[Row]:
        """Return the rows of the requested page; an empty list past the end."""
        start = (self.page - 1) * self.per_page
        if start >= DEEP:
            self.total = queryset.count()
            return list(page_at(queryset, start, self.per_page, self.total)) if start < self.total else []
        rows = rows_at(queryset, start, start + self.per_page)
        known = total_after(start, rows, self.per_page)
        self.total = queryset.count() if known is None else known
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response(numbered(self.list_name, data, self.page, self.per_page, self.total, self._url))

    def _url(self, page: int) -> str:
        return replace_query_param(self.request.build_absolute_uri(), "page", page)

    def get_paginated_response_schema(self, schema: dict[str, object]) -> dict[str, object]:
        url: dict[str, object] = {"type": ["string", "null"], "format": "uri", "example": None}
        counts = {"page": 1, "per_page": DEFAULT_PER_PAGE, "total": 1, "pages": 1}
        facts: dict[str, object] = {
            name: {"type": "integer", "minimum": 0, "example": count} for name, count in counts.items()
        }
        facts |= {"next": url, "prev": url}
        return self._schema_of(schema, pagination={"type": "object", "required": list(facts), "properties": facts})

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, object]]:
        return [
            _parameter("page", "Page number, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
            _parameter("per_page", "Rows per page.", PAGE_SIZE),
        ]


def numbered(
    name: str, rows: Sequence[Any], page: int, per_page: int, total: int, url: Callable[[int], str]
) -> dict[str, Any]:
    """Return the body of a numbered page; `url` returns the URL of another page."""
    pages = -(-total // per_page)
    facts = {
        "page": page,
        "per_page": per_page,
        "total": total,
        "pages": pages,
        "next": url(page + 1) if page < pages else None,
        "prev": url(min(page - 1, pages)) if page > 1 and pages else None,
    }
    return {name: rows, "pagination": facts}


class CursorPages(Pages):
    """Pages by `cursor` and `limit`, in one SQL statement without OFFSET.

    A page starts after the last row of the previous page, even if rows were added or deleted in between.
    """

    def read_parameters(self, bad: BadParameters) -> None:
        self.mark = _mark_of(self.request)
        for name in ("page", "per_page"):
            with bad:
                if name in self.request.query_params:
                    raise InvalidInput(fields={name: f"{name} belongs to v1: use cursor and limit"})
        with bad:
            self.limit = self.size("limit")
        with bad:
            self.position = position_in(self.request.query_params.get("cursor", ""), self.mark)

    def paginate_queryset(  # type: ignore[override]  # a queryset only, no list
        self, queryset: models.QuerySet[Row], request: Request, view: APIView | None = None
    ) -> list[Row]:
        """Return the rows after the cursor. Raises InvalidInput if the cursor belongs to another order."""
        sort = sort_in(queryset)
        page = page_after(_with_column(queryset, sort.key), sort, self.limit, self.position)
        self.next_cursor = f"{cursor_of(page.rows[-1], sort)}.{self.mark}" if page.has_next else None
        return page.rows

    def get_paginated_response(self, data: object) -> Response:
        body = {self.list_name: data, "next_cursor": self.next_cursor}
        if self.next_cursor is None:
            return Response(body)
        url = replace_query_param(self.request.build_absolute_uri(), "cursor", self.next_cursor)
        return Response(body, headers={"Link": f'<{url}>; rel="next"'})

    def get_paginated_response_schema(self, schema: dict[str, object]) -> dict[str, object]:
        cursor = {"type": ["string", "null"], "description": "Cursor of the next page; null on the last page."}
        return self._schema_of(schema, next_cursor=cursor | {"example": None})

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, object]]:
        cursor = "The `next_cursor` of the previous page, with the same list, filters and order."
        return [_parameter("cursor", cursor, {"type": "string"}), _parameter("limit", "Rows per page.", PAGE_SIZE)]


PAGES: Mapping[str, type[Pages]] = {V1: NumberedPages, V2: CursorPages}
PAGE_SIZE = {"type": "integer", "minimum": 1, "maximum": MAX_PER_PAGE, "default": DEFAULT_PER_PAGE}


def _with_column(queryset: models.QuerySet[Row], name: str) -> models.QuerySet[Row]:
    """Load a column too if the queryset has `only`. Else Django would load it later, with one statement per row."""
    names, are_deferred = queryset.query.deferred_loading  # else only these are loaded
    return queryset if are_deferred or name in names else queryset.only(*names, name)


def _mark_of(request: Request) -> str:
    """Return the mark of this list with these filters. A cursor contains it, and is refused if its mark differs."""
    match: ResolverMatch = request.resolver_match  # type: ignore[assignment]  # None only outside of views
    ids = {name: value for name, value in match.kwargs.items() if name != "version"}
    filters = sorted(
        (name, value)
        for name, values in request.query_params.lists()
        for value in values
        if value and name not in ("cursor", "limit", "sort", "order")
    )
    return mark_of(match.url_name, ids, filters)


def _parameter(name: str, description: str, schema: dict[str, object]) -> dict[str, object]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
