"""The export of all orders of a list, or of the selected ones: one row for each order, or for each line."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from django import forms
from django.conf import settings
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminRadioSelectWidget

from core.admin.options import ShopAdmin
from core.moments import shop_now
from core.sheets.cells import Cell
from core.sheets.writing import FILE_FORMATS, download
from orders.models import Order, OrderItem
from orders.permissions import can_export_orders

ORDERS_PER_QUERY = 1_000
TEMPLATE = "admin/orders/order/export.html"
ORDER_FIELDS = ("pk", "number", "created_at", "status", "user__username", "user__email", "total")
LINE_FIELDS = ("order_id", "sku", "name", "unit_price", "quantity", "line_total")
ORDER_TITLES = ("Number", "Placed", "Status", "Customer", "Email", "Total", "Currency")
LINE_TITLES = ("SKU", "Product", "Unit price", "Quantity", "Line total")
log = logging.getLogger("ecommerce.export")
Row = tuple[Cell, ...]
OrderRow = tuple[int, Row]  # the order's id, and its cells


def _order_rows(orders: QuerySet[Order]) -> Iterator[OrderRow]:
    """Yield the orders in the order of the list. On PostgreSQL a server-side cursor reads them in batches."""
    rows = orders.values_list(*ORDER_FIELDS)
    for pk, *cells in rows.iterator(chunk_size=ORDERS_PER_QUERY):
        yield pk, (*cells, settings.STORE_CURRENCY)


def total_rows(orders: QuerySet[Order]) -> Iterator[Row]:
    return (cells for _, cells in _order_rows(orders))


def line_rows(orders: QuerySet[Order]) -> Iterator[Row]:
    """Yield a row for each line. One more query for each ORDERS_PER_QUERY orders."""
    batch: list[OrderRow] = []
    for row in _order_rows(orders):
        batch.append(row)
        if len(batch) == ORDERS_PER_QUERY:
            yield from _lines_of(batch)
            batch.clear()
    yield from _lines_of(batch)


def _lines_of(batch: Sequence[OrderRow]) -> Iterator[Row]:
    lines: dict[int, list[Row]] = {pk: [] for pk, _ in batch}
    found = OrderItem.objects.filter(order__in=list(lines)).order_by("id").values_list(*LINE_FIELDS)
    for order_id, *cells in found:
        lines[order_id].append(tuple(cells))
    return ((*order, *line) for pk, order in batch for line in lines[pk])


class Contents(NamedTuple):
    label: str
    titles: tuple[str, ...]
    rows: Callable[[QuerySet[Order]], Iterator[Row]]


CONTENTS: Mapping[str, Contents] = {
    "totals": Contents("One row per order", ORDER_TITLES, total_rows),
    "lines": Contents("One row per line of an order", (*ORDER_TITLES, *LINE_TITLES), line_rows),
}


class ExportForm(forms.Form):
    contents = forms.ChoiceField(
        label="Rows",
        choices=[(name, each.label) for name, each in CONTENTS.items()],
        initial="totals",
        widget=UnfoldAdminRadioSelectWidget,
    )
    file_format = forms.ChoiceField(
        label="File",
        choices=[(name, each.label) for name, each in FILE_FORMATS.items()],
        initial="csv",
        widget=UnfoldAdminRadioSelectWidget,
    )


class OrderExport(ShopAdmin):
    """The part of the order list's admin that exports orders."""

    def has_export_permission(self, request: HttpRequest) -> bool:
        return can_export_orders(request.user)

    @action(description="Export", permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponseBase:
        """Show the form of the export. If the request has the values of the form, return the file."""
        form = ExportForm(request.POST if "file_format" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, queryset, form)
        contents, file_format = CONTENTS[form.cleaned_data["contents"]], form.cleaned_data["file_format"]
        count = queryset.count()
        log.info("export", extra={"user": request.user.get_username(), "orders": count, "format": file_format})
        day = shop_now().date().isoformat()
        return download(f"orders-{day}", file_format, contents.titles, contents.rows(queryset))

    def _ask(self, request: HttpRequest, queryset: QuerySet[Order], form: ExportForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Export orders",
            "opts": self.opts,
            "form": form,
            "count": queryset.count(),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "selected_name": ACTION_CHECKBOX_NAME,
            "across": request.POST.get("select_across", "0"),
            "query": request.GET.urlencode(),
            "list_url": self.list_url(),
        }
        return TemplateResponse(request, TEMPLATE, context)
