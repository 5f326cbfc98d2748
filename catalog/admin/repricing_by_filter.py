"""Change the prices of all products of a filter by a percentage, after a preview of the totals."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from catalog.admin.repricing import PercentForm
from catalog.admin.undoing import KEPT, KEPT_PRICE_CHANGE, changed_message
from catalog.bulk.repricing import (
    EXAMPLES,
    PriceRow,
    ProductSelection,
    change_prices,
    preview_prices,
    prices_changed_by,
    selected_count,
    undo_price_change,
)
from catalog.models import PriceChange, Product
from core.errors import DomainError

TEMPLATE = "admin/catalog/product/change_prices_by_filter.html"
COUNTS = ("changed", "unchanged", "refused")
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
        selection = ProductSelection(model_admin.get_changelist_instance(request).queryset, {})
    except IncorrectLookupParameters:
        return HttpResponseRedirect(model_admin.list_url())
    list_url = f"{model_admin.list_url()}?{request.GET.urlencode()}"
    form = PercentForm(request.POST or None)
    percent = form.cleaned_data["percent"] if form.is_bound and form.is_valid() else None
    try:
        if "apply" in request.POST and percent is not None:
            _apply(request, selection, percent)
            return HttpResponseRedirect(list_url)
        shown = _shown(request, selection, percent)
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(list_url)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Change prices by percent",
        "opts": model_admin.opts,
        "form": form,
        "percent": percent,
        "url": by_filter_url(request),
        "list_url": list_url,
        **shown,
    }
    return TemplateResponse(request, TEMPLATE, context)


def _shown(request: HttpRequest, selection: ProductSelection, percent: Decimal | None) -> dict[str, Any]:
    """Return the number of products with examples and, if the percentage is known, the preview."""
    if percent is None:
        rows = [PriceRow(product) for product in selection.products.order_by("pk")[:EXAMPLES]]
        return {"totals": {"products": selected_count(selection)}, "rows": rows}
    preview = preview_prices(actor=request.user, selection=selection, percent=percent)
    totals = {"products": preview.matched, **{name: getattr(preview, name) for name in COUNTS}}
    return {"totals": totals, "rows": preview.examples, "as_of": preview.as_of}


def _apply(request: HttpRequest, selection: ProductSelection, percent: Decimal) -> None:
    """Change the products as previewed, and keep the id of the change for its undo."""
    as_of = request.POST.get("as_of", "")
    if not as_of.isdecimal():
        raise BadRequest("Invalid as_of")
    change = change_prices(actor=request.user, selection=selection, percent=percent, as_of=as_of)
    request.session.pop(KEPT, None)
    request.session[KEPT_PRICE_CHANGE] = change.pk
    messages.success(request, changed_message(change.changed))
    if change.stale:
        messages.warning(request, f"Products that changed after the preview, and keep their price: {change.stale}.")
    if change.refused:
        messages.warning(request, f"Prices not changed: {change.refused}. Preview again to see why.")


def undo_by_filter(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the last change of prices by a filter, and undo it on POST. Call it only if the session keeps one."""
    change = PriceChange.objects.existing(request.session[KEPT_PRICE_CHANGE])
    if request.method == "POST":
        del request.session[KEPT_PRICE_CHANGE]
        _undo(request, change)
        return HttpResponseRedirect(model_admin.list_url())
    prices = {pk: (old, new) for pk, old, new in prices_changed_by(change)}
    now = dict(Product.objects.filter(pk__in=prices).values_list("pk", "price"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Undo the change of prices",
        "opts": model_admin.opts,
        "changed": len(prices),
        "left": sum(now.get(pk) == new for pk, (_, new) in prices.items()),
        "reason": change.reason,
        "list_url": model_admin.list_url(),
    }
    return TemplateResponse(request, UNDO_TEMPLATE, context)


def _undo(request: HttpRequest, change: PriceChange) -> None:
    try:
        undone = undo_price_change(actor=request.user, price_change_id=change.pk)
    except DomainError as error:
        messages.error(request, error.message)
        return
    messages.success(request, f"Prices restored: {undone.restored} of {undone.changed}.")
