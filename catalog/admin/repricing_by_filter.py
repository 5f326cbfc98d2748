"""Change the prices of all products of a filter by a percentage, after a preview of the totals."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from catalog.admin.repricing import PercentForm, PriceRow, preview
from catalog.admin.undoing import KEPT, KEPT_REPRICING, changed_message
from catalog.bulk.repricing import Repricing, prices_changed_by, reprice_products, undo_repricing
from catalog.models import MAX_PRICE, MIN_PRICE, Product
from catalog.pricing import changed_by_percent, rounded
from core.moments import DatabaseNow

MOST = 50_000  # products at once: their prices are in memory, and the browser waits
EXAMPLES = 20
TEMPLATE = "admin/catalog/product/change_prices_by_filter.html"
UNDO_TEMPLATE = "admin/catalog/product/undo_prices_by_filter.html"


def by_filter_url(request: HttpRequest) -> str:
    return f"{reverse('admin:catalog_product_change_prices_by_filter')}?{request.GET.urlencode()}"


def reprice_by_filter(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Ask for the percentage, preview the new prices, or, if `apply` is set, change the prices as previewed.

    The query of the URL is the list's: its filters and its search.
    """
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    try:
        products: QuerySet[Product] = model_admin.get_changelist_instance(request).queryset
    except IncorrectLookupParameters:
        return HttpResponseRedirect(model_admin.list_url())
    found = products.order_by()[: MOST + 1].count()
    if not 0 < found <= MOST:
        messages.error(request, f"1 to {MOST} products at once: narrow the list by a search or a filter.")
        return HttpResponseRedirect(f"{model_admin.list_url()}?{request.GET.urlencode()}")
    form = PercentForm(request.POST or None)
    if "apply" in request.POST and form.is_valid():
        _apply(request, products, form.cleaned_data["percent"], found)
        return HttpResponseRedirect(f"{model_admin.list_url()}?{request.GET.urlencode()}")
    percent = form.cleaned_data["percent"] if form.is_bound and form.is_valid() else None
    return _page(request, model_admin, form, products, percent)


def _apply(request: HttpRequest, products: "QuerySet[Product]", percent: Decimal, found: int) -> None:
    """Change the products of the filter that have not changed since the preview, and keep the change for its undo."""
    seen = _prices(products.filter(updated_at__lt=_moment_in(request)))
    repricing = reprice_products(actor=request.user, seen=seen, percent=percent)
    request.session.pop(KEPT, None)
    request.session[KEPT_REPRICING] = asdict(repricing)
    messages.success(request, changed_message(repricing.changed))
    if later := found - len(seen):
        messages.warning(request, f"Products that changed after the preview, and keep their price: {later}.")
    if repricing.refused:
        messages.warning(request, f"Prices not changed: {repricing.refused}. Preview again to see why.")


def _moment_in(request: HttpRequest) -> datetime:
    try:
        return datetime.fromisoformat(request.POST.get("as_of", ""))
    except ValueError as error:
        raise BadRequest("Unreadable moment of the preview") from error


def _prices(products: "QuerySet[Product]") -> list[tuple[int, Decimal]]:
    return list(products.order_by("pk").values_list("pk", "price"))


def _page(
    request: HttpRequest, model_admin: Any, form: PercentForm, products: "QuerySet[Product]", percent: Decimal | None
) -> HttpResponse:
    as_of = Product.objects.annotate(now=DatabaseNow()).values_list("now", flat=True).first()
    prices = _prices(products)
    shown = Product.objects.filter(pk__in=[pk for pk, _ in prices[:EXAMPLES]]).order_by("pk")
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Change prices by percent",
        "opts": model_admin.opts,
        "form": form,
        "percent": percent,
        "as_of": as_of.isoformat() if as_of else "",
        "rows": [PriceRow(row) if percent is None else preview(row, percent) for row in shown],
        "totals": _totals(prices, percent),
        "url": by_filter_url(request),
        "list_url": f"{model_admin.list_url()}?{request.GET.urlencode()}",
    }
    return TemplateResponse(request, TEMPLATE, context)


def _totals(seen: list[tuple[int, Decimal]], percent: Decimal | None) -> dict[str, int]:
    """Return the number of products and, if the percentage is known, of the changed, unchanged and refused ones."""
    if percent is None:
        return {"products": len(seen)}
    prices = [(old, rounded(changed_by_percent(old, percent))) for _, old in seen]
    refused = sum(not MIN_PRICE <= new <= MAX_PRICE for _, new in prices)
    unchanged = sum(new == old for old, new in prices)
    return {
        "products": len(prices),
        "changed": len(prices) - refused - unchanged,
        "unchanged": unchanged,
        "refused": refused,
    }


def undo_by_filter(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the last change of prices by a filter, and undo it on POST. Call it only if the session keeps one."""
    repricing = Repricing(**request.session[KEPT_REPRICING])
    if request.method == "POST":
        del request.session[KEPT_REPRICING]
        restored = undo_repricing(actor=request.user, repricing=repricing)
        messages.success(request, f"Prices restored: {restored} of {repricing.changed}.")
        return HttpResponseRedirect(model_admin.list_url())
    changed = {pk: (old, new) for pk, old, new in prices_changed_by(repricing)}
    now = dict(Product.objects.filter(pk__in=changed).values_list("pk", "price"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Undo the change of prices",
        "opts": model_admin.opts,
        "changed": len(changed),
        "left": sum(now.get(pk) == new for pk, (_, new) in changed.items()),
        "reason": repricing.reason,
        "list_url": model_admin.list_url(),
    }
    return TemplateResponse(request, UNDO_TEMPLATE, context)
