"""Prices of many products changed by a percentage, once staff have seen what becomes of each."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
from catalog.models import Product
from catalog.pricing import changed_by_percent, rounded
from ecommerce.admin.options import as_refusal
from ecommerce.errors import DomainError, VersionMismatch

MAX_AT_ONCE = 500
ROWS_LOCKED = 50  # a commit for each would take long, one for all would keep orders waiting
TEMPLATE = "admin/catalog/product/change_prices.html"
_SEEN = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")


class PercentForm(forms.Form):
    percent = forms.DecimalField(
        label="Change in percent",
        min_value=-100,
        max_value=10_000,
        max_digits=7,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal", "autofocus": True, "suffix": "%"}),
        help_text="-10 takes a tenth off, 5 adds a twentieth. Prices are rounded to two decimals, a half goes up.",
    )

    def clean_percent(self) -> Decimal:
        percent = self.cleaned_data["percent"]
        if not percent:
            raise ValidationError("0 percent changes nothing.")
        return percent


@dataclass(frozen=True)
class Row:
    """What becomes of one product. `problem` says why it can't be, `refusal` why it was not."""

    product: Product
    exact: Decimal | None = None
    price: Decimal | None = None
    problem: str = ""
    refusal: str = ""

    @property
    def is_wanted(self) -> bool:
        return self.price is not None and not self.problem and self.price != self.product.price


def start_repricing(request: HttpRequest, model_admin: Any, products: Iterable[Product]) -> HttpResponse:
    """Show the products that were chosen, and ask for the percentage."""
    return _page(request, model_admin, PercentForm(), [Row(product) for product in products])


def reprice(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Answer a POST: a preview, or with `apply` the change itself, of what was previewed."""
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    seen = _seen_versions(request.POST.getlist("product"))
    form = PercentForm(request.POST)
    if not form.is_valid():
        return _page(request, model_admin, form, [Row(product) for product in _by_name(seen)])
    percent = form.cleaned_data["percent"]
    if "apply" not in request.POST:
        return _page(request, model_admin, form, [preview(product, percent) for product in _by_name(seen)])
    refused = _apply(request, model_admin, percent, seen)
    if not refused:
        return HttpResponseRedirect(f"{model_admin.list_url()}?{request.GET.urlencode()}")
    left = [replace(preview(product, percent), refusal=refused[product.pk]) for product in _by_name(refused)]
    return _page(request, model_admin, form, left)


def preview(product: Product, percent: Decimal) -> Row:
    exact = changed_by_percent(product.price, percent)
    price = rounded(exact)
    try:
        Product._meta.get_field("price").clean(price, None)
    except ValidationError as error:
        return Row(product, exact, price, " ".join(error.messages))
    return Row(product, exact, price)


def _apply(request: HttpRequest, model_admin: Any, percent: Decimal, seen: Mapping[int, int]) -> dict[int, str]:
    """Change each product that is still as it was previewed; returns why the others were refused."""
    products = Product.objects.in_bulk(seen)
    ids = sorted(products)  # the order in which an order locks them
    refused = {}
    for start in range(0, len(ids), ROWS_LOCKED):
        with transaction.atomic():
            for pk in ids[start : start + ROWS_LOCKED]:
                if reason := _change(request, model_admin, products[pk], percent, seen[pk]):
                    refused[pk] = reason
    _tell(request, len(products) - len(refused), len(refused), seen.keys() - products.keys())
    return refused


def _change(request: HttpRequest, model_admin: Any, product: Product, percent: Decimal, version: int) -> str:
    """Change one price; returns why it was refused, or an empty text."""
    price = preview(product, percent).price
    try:
        change_product(actor=request.user, product_id=product.pk, changes={"price": price}, expected_version=version)
    except (DomainError, OperationalError) as error:
        return _reason(as_refusal(error))
    model_admin.log_change(request, product, f"Price {product.price} to {price} ({percent:+} %)")
    return ""


def _reason(refusal: DomainError) -> str:
    if isinstance(refusal, VersionMismatch):
        return "It changed after the preview."
    return refusal.message


def _tell(request: HttpRequest, changed: int, refused: int, deleted: Iterable[int]) -> None:
    if changed:
        messages.success(request, f"Prices changed: {changed}.")
    if refused:
        messages.warning(request, f"Prices not changed: {refused}. The table says why, and what they would be now.")
    if deleted:
        messages.warning(request, f"Deleted in the meantime: product {', '.join(map(str, sorted(deleted)))}.")


def _seen_versions(texts: list[str]) -> dict[int, int]:
    """Return the version each product was shown at, by product id, out of `id:version`."""
    pairs = [_SEEN.fullmatch(text) for text in texts]
    if None in pairs or not 0 < len(pairs) <= MAX_AT_ONCE:
        raise BadRequest("Unreadable list of products")
    return {int(pair[1]): int(pair[2]) for pair in pairs if pair}


def _by_name(product_ids: Iterable[int]) -> list[Product]:
    return list(Product.objects.filter(pk__in=product_ids).order_by("name", "id"))


def _page(request: HttpRequest, model_admin: Any, form: PercentForm, rows: list[Row]) -> HttpResponse:
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
