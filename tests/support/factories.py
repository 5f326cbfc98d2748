"""Rows for tests, with unique names and values that pass every rule."""

from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import User
from catalog.models import Product
from orders.actions import place_order
from orders.models import Order

_numbers = count(1)


def make_user(**fields: Any) -> User:
    """Add a user. With `password=...`, the user can sign in."""
    n = next(_numbers)
    return User.objects.create_user(**{"username": f"user{n}", "email": f"user{n}@example.com"} | fields)


def make_staff(**fields: Any) -> User:
    return make_user(is_staff=True, **fields)


def make_product(**fields: Any) -> Product:
    n = next(_numbers)
    return Product.objects.create(**{"name": f"Product {n}", "price": Decimal("9.99"), "stock": 10} | fields)


def make_order(user: User | None = None, lines: dict[Product, int] | None = None) -> Order:
    """Place an order with the action. Defaults: a new user, and one unit of a new product."""
    lines = lines or {make_product(): 1}
    return place_order(actor=user or make_user(), lines=[(product.pk, units) for product, units in lines.items()])
