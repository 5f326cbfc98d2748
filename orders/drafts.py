"""New orders before they are written, and the order made of the written rows, without another query."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils import timezone

from core.actors import SignedIn
from core.django_internals import set_prefetched, stored_row
from core.errors import InvalidInput
from core.idempotency import Claim
from core.origin import Origin, present_origin
from core.validation.validators import MAX_INT32
from orders.errors import OutOfStock, UnknownProduct
from orders.models import MAX_TOTAL, Order, OrderItem

NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter that looks like a digit
NUMBER_LENGTH = 10


class Line(NamedTuple):
    """A product before the order, and the ids of the order and its line; the ids are None if no order was placed.

    `stock` may be None if the order was placed: only a refusal names it.
    """

    product_id: int
    sku: str | None
    name: str
    price: Decimal
    stock: int | None
    order_id: int | None = None
    item_id: int | None = None


class Draft(NamedTuple):
    """The values of a new order that do not depend on its products."""

    customer: SignedIn
    quantities: Mapping[int, int]  # by product id, in id order
    number: str
    now: datetime
    origin: Origin
    claim: Claim | None


def new_draft(customer: SignedIn, quantities: Mapping[int, int], claim: Claim | None = None) -> Draft:
    number = _number()
    origin = present_origin()._replace(cause="sale", reason=f"Order {number}")
    return Draft(customer, quantities, number, timezone.now(), origin, claim)


def possible_ids(quantities: Iterable[int]) -> list[int]:
    """Return the ids that fit into the column. SQLite's driver raises for ids above 64 bits."""
    return [pk for pk in quantities if 0 < pk <= MAX_INT32]


def is_placed(lines: list[Line]) -> bool:
    return bool(lines) and lines[0].order_id is not None


def why_refused(lines: list[Line], quantities: Mapping[int, int]) -> Exception | None:
    """Return the reason why these products can't be ordered in these quantities; None if they can."""
    if unknown := quantities.keys() - {line.product_id for line in lines}:
        return UnknownProduct(unknown)
    stock = {line.product_id: line.stock or 0 for line in lines}
    if units_left := {pk: units for pk, units in stock.items() if units < quantities[pk]}:
        return OutOfStock(units_left)
    if total_price(lines, quantities) > MAX_TOTAL:
        return InvalidInput(fields={"items": f"The total of an order is at most {MAX_TOTAL}"})
    return None


def total_price(lines: Iterable[Line], quantities: Mapping[int, int]) -> Decimal:
    return sum((line.price * quantities[line.product_id] for line in lines), Decimal(0))


def order_of(draft: Draft, lines: list[Line]) -> Order:
    """Return the order as the database now has it, without another query."""
    total = total_price(lines, draft.quantities)
    columns = {
        "id": lines[0].order_id,
        "number": draft.number,
        "user_id": draft.customer.pk,
        "status": Order.Status.PENDING,
        "total": total,
        "version": 1,
        "created_at": draft.now,
        "carrier": None,
        "tracking_number": None,
    }
    order = stored_row(Order, columns)
    order.user = draft.customer
    set_prefetched(order, "items", [_item(line, draft.quantities[line.product_id]) for line in lines])
    return order


def _item(line: Line, units: int) -> OrderItem:
    columns = {
        "id": line.item_id,
        "order_id": line.order_id,
        "product_id": line.product_id,
        "former_product_id": None,
        "sku": line.sku,
        "name": line.name,
        "unit_price": line.price,
        "quantity": units,
        "line_total": line.price * units,
    }
    return stored_row(OrderItem, columns)


def _number() -> str:
    return "".join(NUMBER_ALPHABET[byte % len(NUMBER_ALPHABET)] for byte in secrets.token_bytes(NUMBER_LENGTH))
