"""Every write of an order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Case, F, IntegerField, Value, When

from catalog.models import Product
from core.actors import Actor, SignedIn
from core.errors import InvalidInput
from core.idempotency import once
from core.origin import originating
from core.permissions import is_signed_in, permitted, require, signed_in
from core.validation.cleaning import clean_values
from core.validation.validators import MAX_INT32
from orders.errors import InvalidTransition
from orders.models import Order, OrderEvent
from orders.permissions import can_place_orders
from orders.placing import write_order, write_order_once
from orders.transitions import VERBS, Verb

MAX_LINES = 500


@permitted(can_place_orders)
def place_order(*, actor: Actor, lines: Iterable[tuple[int, int]], key: str | None = None) -> Order:
    """Take the stock and record the order, or do neither.

    `lines` are (product id, units); lines of one product are merged. Takes stock in id order, so two orders naming
    the same products queue instead of deadlocking. One statement on PostgreSQL, however many lines. With
    `key` too, if the order can share a statement (`orders/placing_together.py`), else five messages to the database.
    If this caller used the key before, returns the order of that call as it was when it was placed.
    Raises OutOfStock, UnknownProduct, InvalidInput, IdempotencyMismatch, InProgress, or OrderNotFound if the order of
    that key was deleted. If it raises, no data changed.
    """
    customer = signed_in(actor)
    quantities = _merged(lines)

    def act() -> tuple[Order, dict[str, object]]:
        order = write_order(customer, quantities)
        return order, {"order": order.pk}

    return once(
        caller_id=customer.pk,
        operation="place_order",
        key=key,
        validated=list(quantities.items()),
        act=act,
        recall=_as_placed,
        act_at_once=lambda claim: write_order_once(customer, quantities, claim),
    )


@permitted(is_signed_in)
def move_order(*, actor: Actor, order_id: int, verb: str, details: Mapping[str, str | None] | None = None) -> Order:
    """Change the order's status by a verb of the transition table, under the order's row lock.

    `details` are fields of the order that the verb may set, such as its tracking number; other names are ignored.
    Raises Unauthenticated, OrderNotFound (also if the order is not visible to the actor), Forbidden, InvalidInput,
    InvalidTransition.
    """
    given = clean_details(VERBS[verb], details or {})
    with transaction.atomic():
        order = Order.objects.locked().one(actor, order_id)
        move_locked(signed_in(actor), order, verb, given)
    return order


def move_locked(user: SignedIn, order: Order, verb: str, details: Mapping[str, str]) -> None:
    """Move an order that this transaction has locked. Raises Forbidden or InvalidTransition before it writes."""
    move = VERBS[verb]
    require(user, lambda user: move.may(user, order))
    if order.status not in move.sources:
        raise InvalidTransition(f"Order {order.number} is {order.status}: it can't be {move.target}")
    with originating(cause=verb, reason=f"Order {order.number}"):
        if move.returns_stock:
            _give_back(order)
        for name, value in {"status": move.target, **details}.items():
            setattr(order, name, value)
        order.save(update_fields=["status", *details])
    order.refresh_from_db(fields=["version"])  # a trigger raised it
    OrderEvent.objects.create(order=order, actor=user, status=move.target, note=", ".join(details.values()))


def clean_details(move: Verb, details: Mapping[str, str | None]) -> dict[str, str]:
    """Return the details that the verb may set and that are not empty. Raises InvalidInput."""
    texts = {name: (text or "").strip() for name, text in details.items() if name in move.details}
    return clean_values(Order, {name: text for name, text in texts.items() if text})


def _merged(lines: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return units by product id, in id order."""
    units: Counter[int] = Counter()
    for product_id, quantity in lines:
        if quantity < 1:
            raise InvalidInput(fields={"items": f"Quantity of product {product_id} must be at least 1"})
        units[product_id] += quantity
    if not 0 < len(units) <= MAX_LINES:
        raise InvalidInput(fields={"items": f"An order has 1 to {MAX_LINES} products"})
    if max(units.values()) > MAX_INT32:
        raise InvalidInput(fields={"items": f"Quantity max is {MAX_INT32}"})
    return dict(sorted(units.items()))


def _give_back(order: Order) -> None:
    quantities: Counter[int] = Counter()  # an imported order may name a product on several lines
    for product_id, quantity in order.items.exclude(product=None).values_list("product_id", "quantity"):
        quantities[product_id] += quantity
    products = Product.objects.filter(pk__in=quantities)
    if any(product.stock > MAX_INT32 - quantities[product.pk] for product in products.locked()):
        raise InvalidTransition(f"The stock of a product of order {order.number} would be above {MAX_INT32}")
    products.update(stock=F("stock") + _units_by_row(quantities))


def _units_by_row(quantities: Mapping[int, int]) -> Case:
    whens = (When(pk=pk, then=Value(units)) for pk, units in quantities.items())
    return Case(*whens, default=Value(0), output_field=IntegerField())


def _as_placed(memo: Mapping[str, Any]) -> Order:
    """Return the order as the first response showed it, even if the order or its products changed since.

    Raises OrderNotFound if SQL deleted the order: its key was used, so a second order must not be placed.
    """
    order = Order.objects.with_items().existing(memo["order"])
    order.status, order.version = Order.Status.PENDING, 1
    return order
