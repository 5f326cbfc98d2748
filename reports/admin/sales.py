"""The sales page: revenue, orders and best sellers of a period against the period before."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import formats
from unfold.widgets import UnfoldAdminSingleDateWidget

from core.admin.display import money
from core.admin.options import ShopAdmin
from core.errors import InvalidInput
from core.moments import shop_now
from reports.admin.curve import curve_of
from reports.models import SalesDay
from reports.periods import PERIODS, Period, period_of
from reports.permissions import can_see_sales
from reports.report import BestSeller, PeriodSales, SalesReport, sales_report

TEMPLATE = "admin/reports/salesday/report.html"


class RangeForm(forms.Form):
    first = forms.DateField(label="From", widget=UnfoldAdminSingleDateWidget)
    last = forms.DateField(label="To", widget=UnfoldAdminSingleDateWidget)

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last:
            try:
                period_of(first, last)
            except InvalidInput as refusal:
                raise forms.ValidationError(refusal.message) from refusal
        return self.cleaned_data


@admin.register(SalesDay)
class SalesDayAdmin(ShopAdmin):
    """Shows the sales page instead of the list of rows."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_see_sales(request.user)

    def has_view_permission(self, request: HttpRequest, obj: SalesDay | None = None) -> bool:
        return can_see_sales(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SalesDay | None = None) -> bool:
        return False

    has_delete_permission = has_change_permission

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        if not can_see_sales(request.user):
            raise PermissionDenied
        name, period, form = _chosen(request)
        context = {
            **self.admin_site.each_context(request),
            **_shown(sales_report(actor=request.user, period=period)),
            "title": "Sales",
            "opts": self.opts,
            "form": form,
            "periods": [(key, label, key == name) for key, (label, _) in PERIODS.items()],
        }
        return TemplateResponse(request, TEMPLATE, context)


def _chosen(request: HttpRequest) -> tuple[str, Period, RangeForm]:
    """Return the name of the period (empty if the user entered days), the period, and the form."""
    if "first" in request.GET or "last" in request.GET:
        form = RangeForm(request.GET)
        if form.is_valid():
            return "", Period(form.cleaned_data["first"], form.cleaned_data["last"]), form
    else:
        form = RangeForm()
    name = request.GET.get("period", "")
    name = name if name in PERIODS else "month"
    return name, PERIODS[name][1](shop_now().date()), form


def _shown(report: SalesReport) -> dict[str, Any]:
    now, days = report.sales.total, report.sales.days
    series = [[each.revenue for each in found.days.values()] for found in (report.sales, report.before)]
    return {
        "zone": report.time_zone,
        "period": _shown_period(report.sales.period),
        "before": _shown_period(report.before.period),
        "figures": _compared(report.sales, report.before),
        "total": now,
        "cancelled": money(now.cancelled),
        "refunded": money(now.refunded),
        "curve": (curve := curve_of(*series)),
        "highest": money(curve.highest),
        "days": [(formats.date_format(day, "D j M Y"), each.orders, money(each.revenue)) for day, each in days.items()],
        "best": [_shown_product(product) for product in report.best_sellers],
    }


def _shown_period(period: Period) -> str:
    first, last = (formats.date_format(day, "j M Y") for day in (period.first, period.last))
    return first if first == last else f"{first} to {last}"


def _compared(sales: PeriodSales, sales_before: PeriodSales) -> list[Mapping[str, str]]:
    zero, now, before = Decimal(0), sales.total, sales_before.total
    rows: list[tuple[str, Decimal, Decimal, Callable[[Decimal], str]]] = [
        ("Revenue", now.revenue, before.revenue, money),
        ("Orders", Decimal(now.orders), Decimal(before.orders), lambda number: formats.number_format(number, 0)),
        ("Average order", sales.average_order or zero, sales_before.average_order or zero, money),
    ]
    return [
        {"label": label, "now": shown(new), "before": shown(old), "change": _change(new, old)}
        for label, new, old, shown in rows
    ]


def _change(now: Decimal, before: Decimal) -> str:
    return f"{(now - before) / before * 100:+.1f} %" if before else "-"


def _shown_product(product: BestSeller) -> dict[str, Any]:
    pk, units, revenue = product.sold
    return {
        "name": f"{product.name} (no longer sold)" if product.is_deleted else product.name,
        "url": "" if product.is_deleted else reverse("admin:catalog_product_change", args=[pk]),
        "units": units,
        "revenue": money(revenue),
    }
