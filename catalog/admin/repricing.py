"""Change the prices of many products by a percentage, after a preview of each new price."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.actions import change_product
from catalog.admin.undoing import ChangedPrice, changed_message, keep
from catalog.bulk.repricing import PriceRow, price_row
from catalog.models import Product
from catalog.pricing import MAX_PERCENT, MIN_PERCENT
from core.admin.options import as_refusal
from core.errors import DomainError, VersionMismatch
from core.origin import originating

MAX_AT_ONCE = 500
ROWS_LOCKED = 50  # per transaction: one commit for each row is slow, one for all rows blocks orders
TEMPLATE = "admin/catalog/product/change_prices.html"
_SEEN = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")


class PercentForm(forms.Form):
    percent = forms.DecimalField(
        label="Change in percent",
        min_value=MIN_PERCENT,
        max_value=MAX_PERCENT,
        max_digits=7,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal", "autofocus": True, "suffix": "%"}),
        help_text="-10 lowers prices by 10 percent, 5 raises them by 5. Prices are rounded half up to two decimals.",
    )

    def clean_percent(self) -> Decimal:
        percent = self.cleaned_data["percent"]
        if not percent:
            raise ValidationError("0 percent does not change prices. Enter another percentage.")
        return percent


def start_repricing(request: HttpRequest, model_admin: object, products: Iterable[Product]) -> HttpResponse:
    """Show the selected products, and ask for the percentage."""
    return _page(request, model_admin, PercentForm(), [PriceRow(product) for product in products])


def reprice(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Respond to a POST: preview the new prices or, if `apply` is set, change the prices as previewed."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    seen = _seen_versions(request.POST.getlist("product"))
    form = PercentForm(request.POST)
    if not form.is_valid():
        return _page(request, model_admin, form, [PriceRow(product) for product in _by_name(seen)])
    percent = form.cleaned_data["percent"]
    if "apply" not in request.POST:
        return _page(request, model_admin, form, [price_row(product, percent) for product in _by_name(seen)])
    refused = _apply(request, model_admin, percent, seen)
    if not refused:
        return HttpResponseRedirect(f"{model_admin.list_url()}?{request.GET.urlencode()}")
    left = [replace(price_row(product, percent), refusal=refused[product.pk]) for product in _by_name(refused)]
    return _page(request, model_admin, form, left)


def _apply(request: HttpRequest, model_admin: object, percent: Decimal, seen: Mapping[int, int]) -> dict[int, str]:
    """Change each product that is unchanged since its preview. Returns the reasons of refusals, by product id."""
    products = Product.objects.in_bulk(seen)
    ids = sorted(products)  # placing an order locks products in the same order
    refused: dict[int, str] = {}
    changed: list[ChangedPrice] = []
    for start in range(0, len(ids), ROWS_LOCKED):
        with transaction.atomic():
            for pk in ids[start : start + ROWS_LOCKED]:
                result = _change(request, model_admin, products[pk], percent, seen[pk])
                if isinstance(result, str):
                    refused[pk] = result
                else:
                    changed.append(result)
    keep(request, changed)
    _tell(request, len(changed), len(refused), seen.keys() - products.keys())
    return refused


def _change(
    request: HttpRequest, model_admin: Any, product: Product, percent: Decimal, version: int
) -> str | ChangedPrice:
    """Change one price. Returns the change, or the reason if it is refused."""
    changes = {"price": price_row(product, percent).price}
    try:
        with originating(reason=f"Prices {percent:+} %"):
            changed = change_product(
                actor=request.user, product_id=product.pk, changes=changes, expected_version=version
            )
    except (DomainError, OperationalError) as error:
        return _reason(as_refusal(error))
    model_admin.log_change(request, product, f"Price {product.price} to {changed.price} ({percent:+} %)")
    return ChangedPrice(product.pk, product.price, changed.version)


def _reason(refusal: DomainError) -> str:
    if isinstance(refusal, VersionMismatch):
        return "The product changed after the preview."
    return refusal.message


def _tell(request: HttpRequest, changed: int, refused: int, deleted: Iterable[int]) -> None:
    if changed:
        messages.success(request, changed_message(changed))
    if refused:
        messages.warning(
            request,
            f"Prices not changed: {refused}. The table shows the reasons, and new prices from the current prices.",
        )
    if deleted:
        messages.warning(request, f"Deleted in the meantime: product {', '.join(map(str, sorted(deleted)))}.")


def _seen_versions(texts: list[str]) -> dict[int, int]:
    """Return the version at which each product was shown, by product id. Parses `id:version`."""
    pairs = [_SEEN.fullmatch(text) for text in texts]
    if None in pairs or not 0 < len(pairs) <= MAX_AT_ONCE:
        raise BadRequest("Invalid list of products")
    return {int(pair[1]): int(pair[2]) for pair in pairs if pair}


def _by_name(product_ids: Iterable[int]) -> list[Product]:
    return list(Product.objects.filter(pk__in=product_ids).order_by("name", "id"))


def _page(request: HttpRequest, model_admin: Any, form: PercentForm, rows: list[PriceRow]) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Change prices by percent",
        "opts": model_admin.opts,
        "form": form,
        "rows": rows,
        "wanted": [row for row in rows if row.is_wanted],
        "problems": sum(bool(row.problem) for row in rows),
        "is_preview": any(row.price is not None for row in rows),
        "query": request.GET.urlencode(),
        "list_url": model_admin.list_url(),
    }
    return TemplateResponse(request, TEMPLATE, context)
