"""Pages of a list: numbered in v1, by cursor in v2."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import models
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ecommerce.errors import InvalidInput
from ecommerce.keyset import Page, Slice, Sort, cursor_of, page_of
from ecommerce.rest.versions import V1, V2

DEFAULT_PER_PAGE = 20
MAX_PER_PAGE = 100
MAX_PAGE = 10**18 - 1  # a page number is answered as it was asked for, and JSON readers end at 64 bits


class Pages(BasePagination):
    """The view's `list_name` is the name of the list in the answer."""

    list_name = "rows"
    list_extra: Mapping[str, Any] = {}  # JSON Schema of what else the answer holds

    def positive(self, name: str, default: int, most: int = MAX_PAGE) -> int:
        """Read a parameter. Raises InvalidInput for what is no positive integer, or more than `most`."""
        text = self.request.query_params.get(name)
        if text is None:
            return default
        digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
        if not digits:
            raise InvalidInput(f"{name} must be a positive integer")
        if len(digits) > len(str(most)) or int(digits) > most:
            raise InvalidInput(f"{name} max is {most}")
        return int(digits)

    def size(self, name: str) -> int:
        """Read how many rows a page is to have. Raises InvalidInput."""
        return self.positive(name, DEFAULT_PER_PAGE, MAX_PER_PAGE)

    def _schema_of(self, rows: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
        fields = {**self.list_extra, self.list_name: rows, **more}
        return {"type": "object", "required": list(fields), "properties": fields}


class NumberedPages(Pages):
    """`page` and `per_page`. Two statements."""

    def paginate_queryset(self, queryset: models.QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page asked for; none past the end. Raises InvalidInput."""
        self.request, self.list_name = request, view.list_name
        self.page = self.positive("page", 1)
        self.per_page = self.size("per_page")
        self.total = queryset.count()
        start = (self.page - 1) * self.per_page
        return list(queryset[start : start + self.per_page]) if start < self.total else []

    def get_paginated_response(self, data: Any) -> Response:
        pages = -(-self.total // self.per_page)
        return Response(
            {
                self.list_name: data,
                "pagination": {
                    "page": self.page,
                    "per_page": self.per_page,
                    "total": self.total,
                    "pages": pages,
                    "next": self._url(self.page + 1) if self.page < pages else None,
                    "prev": self._url(min(self.page - 1, pages)) if self.page > 1 and pages else None,
                },
            }
        )

    def _url(self, page: int) -> str:
        return replace_query_param(self.request.build_absolute_uri(), "page", page)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri", "example": None}
        counts = {"page": 1, "per_page": DEFAULT_PER_PAGE, "total": 1, "pages": 1}
        facts = {name: {"type": "integer", "minimum": 0, "example": count} for name, count in counts.items()}
        facts |= {"next": url, "prev": url}
        return self._schema_of(schema, pagination={"type": "object", "required": list(facts), "properties": facts})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "Page number, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
            _parameter("per_page", "Rows a page.", PAGE_SIZE),
        ]


class CursorPages(Pages):
    """`cursor` and `limit`: a page goes on after the last row of the one before, whatever came or went since.

    One statement, and none that counts rows to pass over.
    """

    def paginate_queryset(self, queryset: models.QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        """Return the rows after the cursor. Raises InvalidInput, also for a cursor of another list, sort or filter."""
        self.request, self.list_name = request, view.list_name
        for name in ("page", "per_page"):
            if name in request.query_params:
                raise InvalidInput(f"{name} is of v1: lists have cursor and limit")
        sort = _sort_of(queryset)
        mark = _mark_of(request)
        page = self._page(_with_column(queryset, sort.key), sort, mark)
        self.next_cursor = f"{cursor_of(page.rows[-1], sort)}.{mark}" if page.has_next else None
        return page.rows

    def _page(self, queryset: models.QuerySet[Any], sort: Sort, mark: str) -> Page:
        limit, given = self.size("limit"), self.request.query_params.get("cursor")
        place, _, found = (given or "").rpartition(".")
        try:
            if given and (found != mark or not place):
                raise InvalidInput()
            return page_of(queryset, sort, Slice(first=limit, after=place or None))
        except InvalidInput as error:
            raise InvalidInput("cursor is none of this list with these filters in this order") from error

    def get_paginated_response(self, data: Any) -> Response:
        body = {self.list_name: data, "next_cursor": self.next_cursor}
        if self.next_cursor is None:
            return Response(body)
        url = replace_query_param(self.request.build_absolute_uri(), "cursor", self.next_cursor)
        return Response(body, headers={"Link": f'<{url}>; rel="next"'})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {"type": ["string", "null"], "description": "Where the next page begins; null on the last one."}
        return self._schema_of(schema, next_cursor=cursor | {"example": None})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = "The `next_cursor` of the page before, of the same list with the same filters in the same order."
        return [_parameter("cursor", cursor, {"type": "string"}), _parameter("limit", "Rows a page.", PAGE_SIZE)]


PAGES: Mapping[str, type[Pages]] = {V1: NumberedPages, V2: CursorPages}
PAGE_SIZE = {"type": "integer", "minimum": 1, "maximum": MAX_PER_PAGE, "default": DEFAULT_PER_PAGE}


def _sort_of(queryset: models.QuerySet[Any]) -> Sort:
    first = str(queryset.query.order_by[0])
    return Sort(first.removeprefix("-"), descending=first.startswith("-"))


def _with_column(queryset: models.QuerySet[Any], name: str) -> models.QuerySet[Any]:
    """Load this column too where only some are: one statement a row would else be asked for it."""
    names, are_left_out = queryset.query.deferred_loading
    return queryset if are_left_out or name in names else queryset.only(*names, name)


def _mark_of(request: Request) -> str:
    """Return what tells lists apart, and the filters on them."""
    place = request.resolver_match
    ids = {name: value for name, value in place.kwargs.items() if name != "version"}
    filters = sorted(
        (name, value)
        for name, values in request.query_params.lists()
        for value in values
        if value and name not in ("cursor", "limit", "sort", "order")
    )
    text = repr((place.url_name, ids, filters))
    return hashlib.blake2s(text.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
