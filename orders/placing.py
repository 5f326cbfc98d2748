"""Takes the stock of a basket and writes its order, or does neither.

PostgreSQL does this in one statement, which is atomic without a transaction around it. `locked` locks the products in
id order: two orders of the same products queue instead of deadlocking. If the statement waited for a lock, PostgreSQL
reads the row again, so `stock` is never older than the lock. The update also changes the newest version of the row,
because no other transaction can write it. `basket` has no row if a product is missing, the stock of a product is too
small or the total is too large: then nothing is written, and the statement returns the products as they were under the
lock, so the refusal names the exact reason.

The sub-select around the ids hides the length of the list from the planner. With it, a plan for any basket looks as
cheap as one for this basket, and PostgreSQL keeps it: to plan this statement takes a quarter of the time to run it.

Each node of the plan costs time, so nothing is sorted or joined twice: `locked` is in id order, and a join without a
condition keeps that order.

The triggers of the history run when the statement ends, and read the origin that `basket` sets.

SQLite has one writer at a time, from BEGIN on: there, plain statements in one transaction have the same result. It
stores amounts as floating-point numbers, so the totals are computed here.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Product
from core.actors import SignedIn
from core.databases import is_postgresql
from core.django_internals import connection_of_thread, set_prefetched, stored_row
from core.errors import InvalidInput
from core.lists.bound import Bound
from core.origin import originating, present_origin
from core.plans.statements import Statement, list_value
from core.validation.validators import MAX_INT32
from orders.errors import OutOfStock, UnknownProduct
from orders.models import MAX_TOTAL, Order, OrderItem

NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter that looks like a digit
NUMBER_LENGTH = 10

PLACE = """
WITH locked AS MATERIALIZED (
    SELECT id, sku, name, price, stock, (%(units)s::integer[])[array_position(%(ids)s::integer[], id)] AS units
    FROM catalog_product WHERE id = ANY((SELECT %(ids)s::integer[])::integer[]) ORDER BY id FOR UPDATE
), basket AS MATERIALIZED (
    SELECT sum(price * units) AS total FROM locked
    HAVING count(*) = %(count)s AND bool_and(stock >= units) AND sum(price * units) <= %(max_total)s
        AND set_config('shop.origin', %(origin)s, true) IS NOT NULL
), taken AS (
    UPDATE catalog_product AS product SET stock = product.stock - locked.units FROM locked, basket
    WHERE product.id = locked.id RETURNING product.id
), placed AS (
    INSERT INTO orders_order (number, user_id, status, total, version, created_at)
    SELECT %(number)s, %(user_id)s, %(status)s, total, 1, %(now)s FROM basket
    WHERE (SELECT count(*) FROM taken) = %(count)s RETURNING id
), items AS (
    INSERT INTO orders_orderitem (order_id, product_id, sku, name, unit_price, quantity, line_total)
    SELECT placed.id, locked.id, sku, name, price, units, price * units FROM placed, locked
    RETURNING order_id, id, product_id, sku, name, unit_price
), event AS (
    INSERT INTO orders_orderevent (order_id, actor_id, status, note, at)
    SELECT id, %(user_id)s, %(status)s, '', %(now)s FROM placed
)
SELECT product_id, sku, name, unit_price, NULL, order_id, id FROM items
UNION ALL SELECT id, sku, name, price, stock, NULL, NULL FROM locked WHERE NOT EXISTS (SELECT FROM placed)
"""
TAKE = """
UPDATE catalog_product SET stock = stock - basket.units
FROM (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS units FROM json_each(%s)) AS basket
WHERE catalog_product.id = basket.id
"""
ADD_ORDER = """
INSERT INTO orders_order (number, user_id, status, total, version, created_at) VALUES (%s, %s, %s, %s, 1, %s)
RETURNING id
"""
ADD_ITEMS = "INSERT INTO orders_orderitem (order_id, product_id, sku, name, unit_price, quantity, line_total) VALUES"
ADD_EVENT = "INSERT INTO orders_orderevent (order_id, actor_id, status, note, at) VALUES (%s, %s, %s, '', %s)"
PRODUCTS = Statement(
    lambda: (
        Product.objects.filter(pk__among=Bound("ids")).order_by("pk").values_list("pk", "sku", "name", "price", "stock")
    )
)


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


class _Draft(NamedTuple):
    """The values of a new order that do not depend on its products."""

    customer: SignedIn
    quantities: Mapping[int, int]  # by product id, in id order
    number: str
    now: datetime


def write_order(customer: SignedIn, quantities: Mapping[int, int]) -> Order:
    """Take the stock and record the order, with its items prefetched. One statement on PostgreSQL, five on SQLite.

    `quantities` maps product ids to units, in id order. Raises UnknownProduct, OutOfStock, InvalidInput; nothing is
    then changed.
    """
    draft = _Draft(customer, quantities, _number(), timezone.now())
    with originating(cause="sale", reason=f"Order {draft.number}"):
        lines = _written_at_once(draft) if is_postgresql() else _written_in_steps(draft)
    if not lines or lines[0].order_id is None:
        raise _refusal(lines, quantities) or RuntimeError("The database refused an order that can be placed")
    return _order(draft, lines)


def _written_at_once(draft: _Draft) -> list[Line]:
    ids = _possible(draft.quantities)
    values = {
        "ids": list_value(ids),
        "units": list_value(draft.quantities[pk] for pk in ids),
        "count": len(draft.quantities),
        "max_total": MAX_TOTAL,
        "number": draft.number,
        "user_id": draft.customer.pk,
        "status": Order.Status.PENDING.value,
        "now": draft.now,
        "origin": present_origin().as_json(),
    }
    return [Line(*row) for row in _run(PLACE, values)]


def _written_in_steps(draft: _Draft) -> list[Line]:
    quantities, status = draft.quantities, Order.Status.PENDING.value
    with transaction.atomic(savepoint=False):
        products = [Line(*row) for row in PRODUCTS.rows(ids=list_value(_possible(quantities)))]
        if _refusal(products, quantities):
            return products
        now = connection.ops.adapt_datetimefield_value(draft.now)
        _run(TAKE, [json.dumps(list(quantities.items()))])
        total = _total(products, quantities)
        [(order_id,)] = _run(ADD_ORDER, [draft.number, draft.customer.pk, status, str(total), now])
        rows = [_item_columns(order_id, line, quantities[line.product_id]) for line in products]
        placeholders = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(rows))
        params = [value for row in rows for value in row]
        item_ids: Any = _run(f"{ADD_ITEMS} {placeholders} RETURNING product_id, id", params)
        _run(ADD_EVENT, [order_id, draft.customer.pk, status, now])
    item_id_by_product_id: dict[int, int] = dict(item_ids)
    return [line._replace(order_id=order_id, item_id=item_id_by_product_id[line.product_id]) for line in products]


def _run(sql: str, params: object) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection_of_thread().rows_written(sql, params)
    return rows


def _possible(quantities: Iterable[int]) -> list[int]:
    """Return the ids that fit into the column. SQLite's driver raises for ids above 64 bits."""
    return [pk for pk in quantities if 0 < pk <= MAX_INT32]


def _refusal(lines: list[Line], quantities: Mapping[int, int]) -> Exception | None:
    """Return the reason why these products can't be ordered in these quantities; None if they can."""
    if unknown := quantities.keys() - {line.product_id for line in lines}:
        return UnknownProduct(unknown)
    stock = {line.product_id: line.stock or 0 for line in lines}
    if units_left := {pk: units for pk, units in stock.items() if units < quantities[pk]}:
        return OutOfStock(units_left)
    if _total(lines, quantities) > MAX_TOTAL:
        return InvalidInput(fields={"items": f"The total of an order is at most {MAX_TOTAL}"})
    return None


def _total(lines: Iterable[Line], quantities: Mapping[int, int]) -> Decimal:
    return sum((line.price * quantities[line.product_id] for line in lines), Decimal(0))


def _item_columns(order_id: int, line: Line, units: int) -> tuple[Any, ...]:
    # Copied, not joined: a later change of the product must not alter old orders.
    return (order_id, line.product_id, line.sku, line.name, str(line.price), units, str(line.price * units))


def _order(draft: _Draft, lines: list[Line]) -> Order:
    """Return the order as the database now has it, without another query."""
    total = _total(lines, draft.quantities)
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
