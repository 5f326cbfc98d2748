"""Numbered pages."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ecommerce.errors import InvalidInput

DEFAULT_PER_PAGE = 20
MAX_PER_PAGE = 100


class NumberedPages(BasePagination):
    """`page` and `per_page`; the view's `list_name` is the name of the list in the answer. Two statements."""

    list_name = "rows"
    list_extra: Mapping[str, Any] = {}  # JSON Schema of what else the answer holds

    def paginate_queryset(self, queryset: models.QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page asked for; none past the end. Raises InvalidInput."""
        self.request, self.list_name = request, view.list_name
        self.page = self._positive("page", 1)
        self.per_page = self._positive("per_page", DEFAULT_PER_PAGE)
        if self.per_page > MAX_PER_PAGE:
            raise InvalidInput(f"per_page max is {MAX_PER_PAGE}")
        self.total = queryset.count()
        start = (self.page - 1) * self.per_page
        return list(queryset[start : start + self.per_page]) if start < self.total else []

    def _positive(self, name: str, default: int) -> int:
        text = self.request.query_params.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):
            raise InvalidInput(f"{name} must be a positive integer")
        return int(text)

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
        page = {"type": "object", "required": list(facts), "properties": facts}
        fields = {**self.list_extra, self.list_name: schema, "pagination": page}
        return {"type": "object", "required": list(fields), "properties": fields}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "Page number, from 1.", {"type": "integer", "minimum": 1, "default": 1}),
            _parameter(
                "per_page",
                "Rows a page.",
                {"type": "integer", "minimum": 1, "maximum": MAX_PER_PAGE, "default": DEFAULT_PER_PAGE},
            ),
        ]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
