"""Corrections of stocks and reversals of changes, from the pages of a product."""

import re
from collections.abc import Callable

from django.contrib import messages
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from catalog.actions import correct_stock, revert_product
from catalog.models import Product
from core.admin.options import as_refusal
from core.errors import DomainError, IdempotencyMismatch, InvalidInput

_UNITS = re.compile(r"\s*[+-]?[0-9]{1,10}\s*", re.ASCII)
_CHANGE = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def correct(request: HttpRequest, product_id: int) -> HttpResponse:
    """Respond to a POST: change the stock by `units`, such as +40 or -3."""
    text = request.POST.get("units", "")

    def act() -> Product:
        if not _UNITS.fullmatch(text):
            raise InvalidInput("Enter a whole number of units, such as +40 or -3.")
        return correct_stock(
            actor=request.user,
            product_id=product_id,
            units=int(text),
            reason=request.POST.get("reason", ""),
            key=request.POST.get("key"),
        )

    return _outcome(request, product_id, act, lambda product: f"The stock is {product.stock} now.")


def revert(request: HttpRequest, product_id: int) -> HttpResponse:
    """Respond to a POST: revert the change of the product that it names."""
    text = request.POST.get("change", "")

    def act() -> Product:
        change_id = int(text) if _CHANGE.fullmatch(text) else 0
        return revert_product(actor=request.user, product_id=product_id, change_id=change_id)

    return _outcome(request, product_id, act, lambda product: f"Reverted: {product.name}.")


def _outcome(
    request: HttpRequest, product_id: int, act: Callable[[], Product], said: Callable[[Product], str]
) -> HttpResponse:
    try:
        messages.success(request, said(act()))
    except IdempotencyMismatch:
        messages.error(request, "This form was sent before, with another correction. Enter the new one again.")
    except (DomainError, OperationalError) as error:
        refusal = as_refusal(error)
        messages.error(request, " ".join(f"{text}." for text in refusal.fields.values()) or refusal.message)
    return HttpResponseRedirect(reverse("admin:catalog_product_change", args=[product_id]))
