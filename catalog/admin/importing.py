"""The import of a price list: upload, preview of every change, then apply all rows, the valid rows, or none.

Not django-import-export: it saves row by row even for a preview, and applies all rows or none. The changes go through
`change_products`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminRadioSelectWidget

from catalog.bulk.price_lists import MAX_ROWS, PlannedRow, apply_price_list, plan_price_list
from catalog.permissions import can_edit_products
from core.actors import SignedIn
from core.admin.options import ShopAdmin, as_refusal
from core.admin.pending_imports import (
    apply_once,
    cancel_import,
    content_of,
    finish_import,
    keep_import,
    own_import,
)
from core.errors import DomainError
from core.models import PendingImport
from core.permissions import signed_in
from core.sheets.writing import download

KIND = "price_list"
ROWS_SHOWN = 200
UPLOAD_TEMPLATE = "admin/catalog/product/import_upload.html"
PREVIEW_TEMPLATE = "admin/catalog/product/import_preview.html"
RESULT_TITLES = ("Line", "SKU", "Result", "Reason", "Old", "New")


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV or XLSX file",
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"The first row names the columns: sku, and any of name, price and stock. At most {MAX_ROWS:,} rows. "
        "An empty cell changes nothing.",
    )
    stock = forms.ChoiceField(
        label="Stock",
        choices=[("set", "Replaces the stock"), ("add", "Is added to the stock: -3 subtracts 3")],
        initial="set",
        widget=UnfoldAdminRadioSelectWidget,
    )
    sign = forms.ChoiceField(
        label="Decimal separator of prices",
        choices=[("", "Detect it in the file"), (".", "Point: 1,234.50"), (",", "Comma: 1.234,50")],
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )


class PriceListImport(ShopAdmin):
    """The import of price lists, as a part of the products' admin."""

    actions_list = ("import_price_list",)

    def get_urls(self) -> list[URLPattern]:
        pages = [
            ("import/<int:pk>/", self.import_page, "import_preview"),
            ("import/<int:pk>/results/", self.import_results, "import_results"),
        ]
        views = [
            path(route, self.admin_site.admin_view(view), name=f"catalog_product_{name}") for route, view, name in pages
        ]
        return [*views, *super().get_urls()]

    @action(description="Import price list", url_path="import", icon="upload", permissions=["change"])
    def import_price_list(self, request: HttpRequest) -> HttpResponse:
        user = _editor(request)
        form = UploadForm(request.POST or None, request.FILES or None)
        if form.is_valid() and (kept := _kept_plan(user, form)):
            return HttpResponseRedirect(_page_of(kept))
        return self._shown(request, UPLOAD_TEMPLATE, {"title": "Import a price list", "form": form})

    def import_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        kept = own_import(_editor(request), KIND, pk)
        if request.method != "POST":
            return self._shown(request, PREVIEW_TEMPLATE, _preview(kept))
        if "cancel" in request.POST:
            return self._cancelled(request, kept)
        if not kept.is_done:
            _apply(request, kept, all_or_none="all" in request.POST)
        return HttpResponseRedirect(_page_of(kept))

    def _cancelled(self, request: HttpRequest, kept: PendingImport) -> HttpResponse:
        if not cancel_import(kept):
            messages.error(request, "The import has begun already, so it can't be cancelled.")
            return HttpResponseRedirect(_page_of(kept))
        messages.success(request, "The import was cancelled; nothing was changed.")
        return HttpResponseRedirect(self.list_url())

    def import_results(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        kept = own_import(_editor(request), KIND, pk)
        if not kept.is_done:
            return HttpResponseRedirect(_page_of(kept))
        return download(f"import-{pk}", "csv", RESULT_TITLES, map(_result_cells, _rows_of(kept)))

    def _shown(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        common = self.admin_site.each_context(request)
        return TemplateResponse(
            request, template, {**common, "opts": self.opts, "list_url": self.list_url(), **context}
        )


def _editor(request: HttpRequest) -> SignedIn:
    if not can_edit_products(request.user):
        raise PermissionDenied
    return signed_in(request.user)


def _page_of(kept: PendingImport) -> str:
    return reverse("admin:catalog_product_import_preview", args=[kept.pk])


def _kept_plan(user: SignedIn, form: UploadForm) -> PendingImport | None:
    """Store the plan of the uploaded file. If the file is refused, add the reason to the form and return None."""
    upload = form.cleaned_data["file"]
    try:
        adds = form.cleaned_data["stock"] == "add"
        rows = plan_price_list(upload.read(), adds=adds, sign=form.cleaned_data["sign"])
    except DomainError as refusal:
        form.add_error("file", refusal.message)
        return None
    return keep_import(user=user, kind=KIND, file_name=upload.name, content=[asdict(row) for row in rows])


def _rows_of(kept: PendingImport) -> list[PlannedRow]:
    return [
        PlannedRow(**{**row, "old": _with_decimals(row["old"]), "new": _with_decimals(row["new"])})
        for row in content_of(kept)
    ]


def _with_decimals(values: dict[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if name == "price" else value for name, value in values.items()}


def _apply(request: HttpRequest, kept: PendingImport, *, all_or_none: bool) -> None:
    rows = _rows_of(kept)
    try:
        refused = apply_price_list(
            actor=request.user, rows=rows, all_or_none=all_or_none, in_parts=partial(apply_once, kept)
        )
    except (DomainError, OperationalError) as error:
        messages.error(request, as_refusal(error).message)
        return
    results = [asdict(row) | {"problem": refused.get(row.line, row.problem)} for row in rows]
    finish_import(kept, results)


def _preview(kept: PendingImport) -> dict[str, Any]:
    rows = _rows_of(kept)
    refused, wanted = [row for row in rows if row.problem], [row for row in rows if row.is_wanted]
    return {
        "title": "Result of the import" if kept.is_done else "Preview of the import",
        "kept": kept,
        "refused": refused[:ROWS_SHOWN],
        "wanted": [_shown_change(row) for row in wanted[:ROWS_SHOWN]],
        "refused_count": len(refused),
        "wanted_count": len(wanted),
        "same_count": len(rows) - len(refused) - len(wanted),
        "total": len(rows),
        "shown": ROWS_SHOWN,
    }


def _shown_change(row: PlannedRow) -> dict[str, Any]:
    return {"row": row, "changes": [(name, row.old[name], row.new[name]) for name in row.new]}


def _result_cells(row: PlannedRow) -> Sequence[str | int]:
    result = "refused" if row.problem else "changed" if row.new else "unchanged"
    return (row.line, row.sku, result, row.problem, _listed(row.old), _listed(row.new))


def _listed(values: Any) -> str:
    return "; ".join(f"{name} {value}" for name, value in values.items())
