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

from catalog.models import Product
from core.admin.display import money
from core.admin.options import ShopAdmin
from core.moments import shop_now, shop_zone
from orders.models import OrderItem
from reports.admin.curve import curve_of
from reports.best_sellers import SoldProduct, best_sellers
from reports.models import SalesDay
from reports.periods import DAY, PERIODS, Period
from reports.permissions import can_see_sales
from reports.sales import SalesFigures, figures_by_day, total_of

BEST = 10
MAX_DAYS = 3 * 366
TEMPLATE = "admin/reports/salesday/report.html"


class RangeForm(forms.Form):
    first = forms.DateField(label="From", widget=UnfoldAdminSingleDateWidget)
    last = forms.DateField(label="To", widget=UnfoldAdminSingleDateWidget)

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and not first <= last < first + MAX_DAYS * DAY:
            raise forms.ValidationError(f"The last day must not be before the first, nor {MAX_DAYS} days after it.")
        return self.cleaned_data


@admin.register(SalesDay)
class SalesDayAdmin(ShopAdmin):
    """Shows a page of its own instead of the list of rows."""

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
            **_report(period),
            "title": "Sales",
            "opts": self.opts,
            "form": form,
            "periods": [(key, label, key == name) for key, (label, _) in PERIODS.items()],
        }
        return TemplateResponse(request, TEMPLATE, context)


def _chosen(request: HttpRequest) -> tuple[str, Period, RangeForm]:
    """Return the name of the period (empty for days that the user entered), the period, and the form."""
    if "first" in request.GET or "last" in request.GET:
        form = RangeForm(request.GET)
        if form.is_valid():
            return "", Period(form.cleaned_data["first"], form.cleaned_data["last"]), form
    else:
        form = RangeForm()
    name = request.GET.get("period", "")
    name = name if name in PERIODS else "month"
    return name, PERIODS[name][1](shop_now().date()), form


def _report(period: Period) -> dict[str, Any]:
    days, days_before = figures_by_day(period), figures_by_day(period.before())
    now, before = total_of(days.values()), total_of(days_before.values())
    series = [[each.revenue for each in found.values()] for found in (days, days_before)]
    return {
        "zone": str(shop_zone()),
        "period": _shown_period(period),
        "before": _shown_period(period.before()),
        "figures": _compared(now, before),
        "lost": now,
        "cancelled": money(now.cancelled),
        "refunded": money(now.refunded),
        "curve": (curve := curve_of(*series)),
        "highest": money(curve.highest),
        "days": [(formats.date_format(day, "D j M Y"), each.orders, money(each.revenue)) for day, each in days.items()],
        "best": _named(best_sellers(period, BEST)),
    }


def _shown_period(period: Period) -> str:
    first, last = (formats.date_format(day, "j M Y") for day in (period.first, period.last))
    return first if first == last else f"{first} to {last}"


def _compared(now: SalesFigures, before: SalesFigures) -> list[Mapping[str, str]]:
    zero = Decimal(0)
    rows: list[tuple[str, Decimal, Decimal, Callable[[Decimal], str]]] = [
        ("Revenue", now.revenue, before.revenue, money),
        ("Orders", Decimal(now.orders), Decimal(before.orders), lambda number: formats.number_format(number, 0)),
        ("Average order", now.average or zero, before.average or zero, money),
    ]
    return [
        {"label": label, "now": shown(new), "before": shown(old), "change": _change(new, old)}
        for label, new, old, shown in rows
    ]


def _change(now: Decimal, before: Decimal) -> str:
    return f"{(now - before) / before * 100:+.1f} %" if before else "-"


def _named(sold: list[SoldProduct]) -> list[dict[str, Any]]:
    """Add the names: of deleted products, the name on their last line. At most two queries."""
    ids = [each.product_id for each in sold]
    present = dict(Product.objects.filter(pk__in=ids).values_list("pk", "name"))
    gone = [pk for pk in ids if pk not in present]
    lines = OrderItem.objects.filter(former_product_id__in=gone).order_by("id") if gone else OrderItem.objects.none()
    former = dict(lines.values_list("former_product_id", "name"))
    return [
        {
            "name": present.get(pk) or f"{former.get(pk, pk)} (no longer sold)",
            "url": reverse("admin:catalog_product_change", args=[pk]) if pk in present else "",
            "units": units,
            "revenue": money(revenue),
        }
        for pk, units, revenue in sold
    ]
