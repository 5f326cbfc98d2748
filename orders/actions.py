"""Every write of an order."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case, F, IntegerField, Value, When

from catalog.models import Product
from ecommerce.errors import InvalidInput
from ecommerce.idempotency import once
from ecommerce.permissions import require
from ecommerce.validators import MAX_INT32
from orders.errors import InvalidTransition, OrderNotFound, OutOfStock, UnknownProduct
from orders.models import MAX_TOTAL, Order, OrderEvent, OrderItem
from orders.permissions import can_cancel_order, can_move_orders, can_place_orders
from orders.transitions import MOVES

MAX_LINES = 500
NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter that reads as a digit


def place_order(*, actor: Any, lines: Iterable[tuple[int, int]], key: str | None = None) -> Order:
    """Take the stock and record the order, or do neither.

    `lines` are (product id, units); lines of one product are merged. Takes stock in id order, so two orders naming
    the same products queue instead of deadlocking. Five statements, however many lines; with `key` six more.
    With a key that this caller used before, the order is given as it was when it was placed.
    Raises OutOfStock, UnknownProduct, InvalidInput, IdempotencyMismatch or InProgress; nothing is then changed.
    """
    require(actor, can_place_orders(actor))
    quantities = _merged(lines)

    def act() -> tuple[Order, dict[str, Any]]:
        order = _place(actor, quantities)
        return order, {"order": order.pk, "products": list(quantities)}

    return once(
        caller_id=actor.pk,
        operation="place_order",
        key=key,
        validated=list(quantities.items()),
        act=act,
        recall=_as_placed,
    )


def cancel_order(*, actor: Any, order_id: int) -> Order:
    """Give the stock back and end the order. Errors as `move_order`."""
    return move_order(actor=actor, order_id=order_id, verb="cancel")


def pay_order(*, actor: Any, order_id: int) -> Order:
    """Mark as paid. Errors as `move_order`."""
    return move_order(actor=actor, order_id=order_id, verb="pay")


def ship_order(*, actor: Any, order_id: int) -> Order:
    """Mark as shipped. Errors as `move_order`."""
    return move_order(actor=actor, order_id=order_id, verb="ship")


def deliver_order(*, actor: Any, order_id: int) -> Order:
    """Mark as delivered. Errors as `move_order`."""
    return move_order(actor=actor, order_id=order_id, verb="deliver")


def refund_order(*, actor: Any, order_id: int) -> Order:
    """Mark as refunded; the stock stays as it is. Errors as `move_order`."""
    return move_order(actor=actor, order_id=order_id, verb="refund")


def move_order(*, actor: Any, order_id: int, verb: str) -> Order:
    """Take one step of the transition table, under the order's row lock.

    Raises Unauthenticated, OrderNotFound (also for an order this actor may not see), Forbidden, InvalidTransition.
    """
    require(actor, actor.is_authenticated)
    move = MOVES[verb]
    with transaction.atomic():
        order = Order.objects.visible_to(actor).locked().filter(pk=order_id).first()
        if order is None:
            raise OrderNotFound(f"Order {order_id} not found")
        require(actor, can_cancel_order(actor, order) if verb == "cancel" else can_move_orders(actor))
        if order.status not in move.sources:
            raise InvalidTransition(f"Order {order.number} is {order.status}: it can't be {move.target}")
        if move.returns_stock:
            _give_back(order)
        order.status = move.target
        order.save(update_fields=["status"])
        order.refresh_from_db(fields=["version"])  # the trigger wrote it
        OrderEvent.objects.create(order=order, actor=actor, status=move.target)
    return order


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


def _place(actor: Any, quantities: Mapping[int, int]) -> Order:
    products = _take_stock(quantities)
    items = [_line(product, quantities[product.pk]) for product in products]
    total = sum((item.line_total for item in items), Decimal(0))
    if total > MAX_TOTAL:
        raise InvalidInput(fields={"items": f"The total of an order is at most {MAX_TOTAL}"})
    order = Order.objects.create(number=_number(), user=actor, total=total)
    for item in items:
        item.order = order
    OrderItem.objects.bulk_create(items)
    OrderEvent.objects.create(order=order, actor=actor, status=order.status)
    return order


def _take_stock(quantities: Mapping[int, int]) -> list[Product]:
    """Lower the stock of every product by its units, or raise. Returns the products, in id order."""
    # An id beyond the column's 32 bits is unknown too, and SQLite's driver can't even ask for one beyond 64.
    wanted = Product.objects.filter(pk__in=[pk for pk in quantities if 0 < pk <= MAX_INT32])
    products = list(wanted.locked())
    if unknown := quantities.keys() - {product.pk for product in products}:
        raise UnknownProduct(unknown)
    units = _units_by_row(quantities)
    taken = wanted.filter(stock__gte=units).update(stock=F("stock") - units)
    if taken != len(quantities):
        raise OutOfStock({row.pk: row.stock for row in products if row.stock < quantities[row.pk]})
    return products


def _give_back(order: Order) -> None:
    quantities: Counter[int] = Counter()  # an imported order may name a product on several lines
    for product_id, quantity in order.items.exclude(product=None).values_list("product_id", "quantity"):
        quantities[product_id] += quantity
    wanted = Product.objects.filter(pk__in=quantities)
    locked_ids = [product.pk for product in wanted.locked()]
    units = _units_by_row(quantities)
    if locked_ids and wanted.filter(stock__lte=MAX_INT32 - units).update(stock=F("stock") + units) != len(locked_ids):
        raise InvalidTransition(f"The stock of a product of order {order.number} would be above {MAX_INT32}")


def _units_by_row(quantities: Mapping[int, int]) -> Case:
    whens = (When(pk=pk, then=Value(units)) for pk, units in quantities.items())
    return Case(*whens, default=Value(0), output_field=IntegerField())


def _line(product: Product, quantity: int) -> OrderItem:
    # Copied, not joined: a later change of the product must not alter old orders.
    return OrderItem(
        product=product,
        sku=product.sku,
        name=product.name,
        unit_price=product.price,
        quantity=quantity,
        line_total=product.price * quantity,
    )


def _number() -> str:
    return "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(10))


def _as_placed(memo: Mapping[str, Any]) -> Order:
    """Return an order as its first answer showed it, whatever became of it and its products since."""
    order = Order.objects.prefetch_related("items").get(pk=memo["order"])
    order.status, order.version = Order.Status.PENDING, 1
    for item, product_id in zip(order.items.all(), memo["products"], strict=True):
        item.product_id = product_id
    return order
