"""Pages of the admin's lists, as fast for a million rows as for a thousand."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.contrib.admin.views.main import ORDER_VAR
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.templatetags.unfold_list import result_headers
from unfold.views import ChangeList

from core.admin.rows import ShownRow, shown_rows
from core.lists.deep_pages import page_at
from core.lists.first_rows import first_ids
from core.lists.row_counts import counted_table

MOST = 2_000  # rows of a filter or a search that are counted, and shown in pages


class AtLeast(int):
    """A lower bound of a number of rows, shown as `2k+`: templates would write the separator of `2,000+` wrongly."""

    def __str__(self) -> str:
        number = int(self)
        return f"{number // 1_000}k+" if number >= 1_000 else f"{number}+"


class DeepPaginator(Paginator):  # type: ignore[type-arg]  # not generic at runtime
    """Django's paginator for tables of any length.

    A whole table has an exact count and all pages. For the rows of a filter or a search, one query reads the ids of the
    first MOST rows, in the order of the list; the count and the pages come from these ids. To count all would be slow.
    """

    @cached_property
    def ids(self) -> list[Any] | None:
        """The ids of at most MOST + 1 rows, in order. None for a whole table."""
        rows: Any = self.object_list
        is_whole = not isinstance(rows, QuerySet) or counted_table(rows.query)
        return None if is_whole else first_ids(rows, MOST + 1)

    @cached_property
    def count(self) -> int:
        if self.ids is None:
            return super().count
        return AtLeast(MOST) if len(self.ids) > MOST else len(self.ids)

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        rows: Any = self.object_list
        if self.ids is None:
            shown = page_at(rows, (number - 1) * self.per_page, self.per_page, self.count)
        else:
            shown = rows.filter(pk__in=self.ids_on(number))
        return Page(shown, number, self)

    def ids_on(self, number: int) -> list[Any]:
        """Return the ids of a page."""
        start = (number - 1) * self.per_page
        return (self.ids or [])[start : start + self.per_page]


class ShopList(ChangeList):
    """A list that sorts by one column of `sortable_by`; rows with equal values are in the order of their ids.

    An index of the column and the id gives this order. Django would add the columns that were chosen before, or the
    default order: the database would then sort all rows with one value, which may be all rows of the table.
    """

    @cached_property
    def headers(self) -> list[dict[str, Any]]:
        return list(result_headers(self))

    def shown_rows(self) -> Iterator[ShownRow]:
        return shown_rows(self)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> "QuerySet[Any]":
        """Keep the first column of those that the request sorts by, for the rows and for the headers."""
        if ORDER_VAR in self.params:
            self.params[ORDER_VAR] = self.params[ORDER_VAR].partition(".")[0]
        return super().get_queryset(request, exclude_parameters)

    def get_ordering_field(self, field_name: str) -> Any:
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_ordering(self, request: HttpRequest, queryset: "QuerySet[Any]") -> list[Any]:
        if not self.params.get(ORDER_VAR):
            return list(super().get_ordering(request, queryset))
        ordering = list(super().get_ordering(request, queryset.order_by()))
        if ordering == ["-pk"]:  # the request names no column that can be sorted
            return list(super().get_ordering(request, queryset))
        if ordering[-1] == "-pk" and not _is_descending(ordering[0]):
            ordering[-1] = "pk"
        return ordering

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count
        paginator: Any = self.paginator
        if paginator.ids is not None and not (self.show_all and self.can_show_all):
            self.result_list = self._rows(request, paginator.ids_on(self.page_num))

    def _rows(self, request: HttpRequest, ids: list[Any]) -> "QuerySet[Any]":
        """Return the rows with these ids, in the order of the list, without a second search for them."""
        rows = self.apply_select_related(self.root_queryset).filter(pk__in=ids)
        return rows.order_by(*self.get_ordering(request, self.queryset))


def _is_descending(order: Any) -> bool:
    return order.startswith("-") if isinstance(order, str) else bool(getattr(order, "descending", False))
