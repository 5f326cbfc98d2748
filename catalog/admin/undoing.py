"""Undoes the last change of many prices: each price that has not changed since gets its old value back."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.actions import change_product
from catalog.models import Product
from core.admin.options import as_refusal
from core.errors import DomainError
from core.origin import originating

UNDONE_AT_ONCE = 50  # products per transaction
# Session keys of the last change: of the prices of selected products, or the id of a PriceChange. One at a time.
KEPT, KEPT_PRICE_CHANGE = "changed_prices", "price_change"
TEMPLATE = "admin/catalog/product/undo_prices.html"


class ChangedPrice(NamedTuple):
    """The price of a product before a change, and the version that the change made."""

    product_id: int
    old: Decimal
    version: int


def keep(request: HttpRequest, changed: Iterable[ChangedPrice]) -> None:
    request.session.pop(KEPT_PRICE_CHANGE, None)  # only the last change can be undone
    request.session[KEPT] = [(row.product_id, str(row.old), row.version) for row in changed]


def changed_message(number: int) -> SafeString:
    url = reverse("admin:catalog_product_undo_prices")
    return format_html('Prices changed: {}. <a class="text-link underline" href="{}">Undo</a>', number, url)


def undo(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Show the last change of prices, and undo it on POST."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    changed = [ChangedPrice(pk, Decimal(old), version) for pk, old, version in request.session.get(KEPT, ())]
    if not changed:
        messages.info(request, "There is no change of prices to undo.")
        return HttpResponseRedirect(model_admin.list_url())
    if request.method == "POST":
        del request.session[KEPT]
        _tell(request, changed, _undone(request, changed))
        return HttpResponseRedirect(model_admin.list_url())
    products = Product.objects.in_bulk([row.product_id for row in changed])
    rows = [(products[row.product_id], row) for row in changed if row.product_id in products]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Undo the change of prices",
        "opts": model_admin.opts,
        "rows": rows,
        "list_url": model_admin.list_url(),
    }
    return TemplateResponse(request, TEMPLATE, context)


def _undone(request: HttpRequest, changed: Sequence[ChangedPrice]) -> int:
    done = 0
    rows = sorted(changed)  # placing an order locks products in the same order
    for start in range(0, len(rows), UNDONE_AT_ONCE):
        with transaction.atomic(), originating(cause="revert", reason="Undo of a price change"):
            done += sum(_is_undone(request, row) for row in rows[start : start + UNDONE_AT_ONCE])
    return done


def _is_undone(request: HttpRequest, row: ChangedPrice) -> bool:
    changes = {"price": row.old}
    try:
        change_product(actor=request.user, product_id=row.product_id, changes=changes, expected_version=row.version)
    except (DomainError, OperationalError) as error:
        messages.warning(request, f"Product {row.product_id}: {as_refusal(error).message}")
        return False
    return True


def _tell(request: HttpRequest, changed: Sequence[ChangedPrice], done: int) -> None:
    messages.success(request, f"Prices restored: {done} of {len(changed)}.")
