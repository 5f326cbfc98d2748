"""The results of the admin's command search (Ctrl-K): orders, products and customers."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from accounts.models import User
from catalog.models import Product
from core.admin.display import money
from core.admin.searching import newest
from core.errors import InvalidInput
from core.text.search import SHORTEST
from core.validation.validators import is_storable
from orders.admin.orders import without_number_signs
from orders.models import Order

ROWS = 5  # of each kind


def found_rows(request: HttpRequest, text: str) -> list[SearchResult]:
    """Return the newest orders, products and customers that contain each word, and the orders of these customers.

    At most five statements.
    """
    if len(text.strip("# ")) < SHORTEST:  # the search would read whole tables
        return []
    try:
        return list(_found(request, text))
    except InvalidInput:
        return []  # too many words: no row contains them all


def _found(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    customers = _customers(request, text)
    by_number = _newest(request, Order, ("number",), without_number_signs(text))
    of_customers = _rows(request, Order).filter(user__in=customers).newest_first()[:ROWS]
    seen: dict[int, Order] = {order.pk: order for order in chain(by_number, of_customers)}
    for order in islice(seen.values(), ROWS):
        yield _result(order, f"#{order.number}", f"Order, {_facts_of(order)}", "receipt_long")
    for product in _newest(request, Product, ("name", "sku"), text):
        sku = f", {product.sku}" if product.sku else ""
        yield _result(product, product.name, f"Product{sku}, {product.stock} in stock", "inventory_2")
    for user in customers:
        yield _result(user, user.username, f"User, {user.email}", "person")


def _customers(request: HttpRequest, text: str) -> list[User]:
    # Look for the whole e-mail first: most rows contain its domain, so the trigram index does not help.
    whole = _rows(request, User).with_email(text.strip()) if "@" in text and is_storable(text) else ()
    return list(whole or _newest(request, User, ("username", "email"), text))


def _rows(request: HttpRequest, model: type[Model]) -> Any:
    model_admin = admin.site.get_model_admin(model)
    rows = model_admin.get_queryset(request)
    return rows if model_admin.has_view_permission(request) else rows.none()


def _newest(request: HttpRequest, model: type[Model], fields: Iterable[str], text: str) -> QuerySet[Any]:
    return newest(_rows(request, model), fields, text, ROWS)


def _facts_of(order: Order) -> str:
    customer = order.user.email if order.user else "guest"
    return f"{order.get_status_display().lower()}, {money(order.total)}, {customer}"


def _result(row: Any, title: str, description: str, icon: str) -> SearchResult:
    link = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return SearchResult(title=title, description=description, link=link, icon=icon)
