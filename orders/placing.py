"""Takes the stock of baskets and writes their orders; for each basket it does both or neither.

PostgreSQL does this in one statement, `PLACE`, which is atomic without a transaction around it. `locked` locks the
products in id order: two orders of the same products queue instead of deadlocking. If the statement waited for a lock,
PostgreSQL reads the row again, so `stock` is never older than the lock. The update also changes the newest version of
the row, because no other transaction can write it. `basket` has no row for an order if one of its products is missing,
the stock of one is too small or the total is too large: then nothing is written for it. If nothing is written at all,
the statement returns the products as they were under the lock, so the refusal names the exact reason.

Orders that several threads place at the same time share a statement (`PlacedTogether`): four orders then take half of
PostgreSQL's time, because the statement, its triggers and its commit begin and end once. Orders in one statement have
no product in common, so each product has one change with one origin. A shared statement does not wait for rows that
another transaction has locked, products or customers: it leaves out their orders. An order that is left out, for this
or any other reason, gets a statement of its own. So no order waits for the rows of another, and refusals are exact.

The sub-select around the ids hides the length of the list from the planner. With it, a plan for any basket looks as
cheap as one for this basket, and PostgreSQL keeps it: to plan this statement takes a quarter of the time to run it.
Each node of the plan costs time, so no more is sorted or joined than is needed.

The triggers of the history run when the statement ends, and read the origin that `placed` sets.

SQLite has one writer at a time, from BEGIN on: there, plain statements in one transaction have the same result. It
stores amounts as floating-point numbers, so the totals are computed here.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Any, NamedTuple

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from catalog.models import Product
from core.actors import SignedIn
from core.databases import is_postgresql
from core.django_internals import connection_of_thread, set_prefetched, stored_row
from core.errors import InvalidInput
from core.history.origins import origins_of_rows
from core.lists.bound import Bound
from core.origin import Origin, originating, present_origin
from core.plans.statements import Statement, list_value
from core.postgresql.group_commit import GroupCommit
from core.runtime import singleton
from core.validation.validators import MAX_INT32
from orders.errors import OutOfStock, UnknownProduct
from orders.models import MAX_TOTAL, Order, OrderItem

NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter that looks like a digit
NUMBER_LENGTH = 10
MAX_SHARED_LINES = 20  # an order of more products is placed alone: its statement would delay the others

# `places` has the place of each product's order in the lists `numbers`, `user_ids`, `times` and `counts`, from 1.
_PLACE = """
WITH locked AS MATERIALIZED (
    SELECT id, sku, name, price, stock, (%(units)s::integer[])[array_position(%(ids)s::integer[], id)] AS units,
        (%(places)s::integer[])[array_position(%(ids)s::integer[], id)] AS place
    FROM catalog_product WHERE id = ANY((SELECT %(ids)s::integer[])::integer[]) ORDER BY id FOR UPDATE {skip_locked}
), basket AS MATERIALIZED (
    SELECT place, sum(price * units) AS total FROM locked GROUP BY place
    HAVING count(*) = (%(counts)s::integer[])[place] AND bool_and(stock >= units)
        AND sum(price * units) <= %(max_total)s {if_customer_is_unlocked}
), taken AS (
    UPDATE catalog_product AS product SET stock = product.stock - locked.units FROM locked JOIN basket USING (place)
    WHERE product.id = locked.id RETURNING product.id
), placed AS (
    INSERT INTO orders_order (number, user_id, status, total, version, created_at)
    SELECT (%(numbers)s::text[])[place], (%(user_ids)s::integer[])[place], %(status)s, total, 1,
        (%(times)s::timestamptz[])[place]
    FROM basket WHERE (SELECT count(*) FROM taken) > 0 AND (SELECT set_config('shop.origin', %(origin)s, true)) <> ''
    RETURNING id, number, user_id, created_at
), items AS (
    INSERT INTO orders_orderitem (order_id, product_id, sku, name, unit_price, quantity, line_total)
    SELECT placed.id, locked.id, sku, name, price, units, price * units
    FROM placed JOIN locked ON place = array_position(%(numbers)s::text[], number::text) ORDER BY locked.id
    RETURNING order_id, id, product_id, sku, name, unit_price
), event AS (
    INSERT INTO orders_orderevent (order_id, actor_id, status, note, at)
    SELECT id, user_id, %(status)s, '', created_at FROM placed
)
SELECT product_id, sku, name, unit_price, NULL, order_id, id FROM items
UNION ALL SELECT id, sku, name, price, stock, NULL, NULL FROM locked WHERE NOT EXISTS (SELECT FROM placed)
"""
PLACE = _PLACE.format(skip_locked="", if_customer_is_unlocked="")
PLACE_UNLOCKED = _PLACE.format(
    skip_locked="SKIP LOCKED",
    if_customer_is_unlocked="""AND (%(user_ids)s::integer[])[place] IN (
            SELECT id FROM accounts_user WHERE id = ANY((SELECT %(user_ids)s::integer[])::integer[])
            FOR KEY SHARE SKIP LOCKED
        )""",
)
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
    origin: Origin


def write_order(customer: SignedIn, quantities: Mapping[int, int]) -> Order:
    """Take the stock and record the order, with its items prefetched. One statement on PostgreSQL, five on SQLite.

    `quantities` maps product ids to units, in id order. Outside of a transaction, another thread may write the order
    with its own. Raises UnknownProduct, OutOfStock, InvalidInput; nothing is then changed.
    """
    number = _number()
    with originating(cause="sale", reason=f"Order {number}"):
        draft = _Draft(customer, quantities, number, timezone.now(), present_origin())
        lines = _written_at_once(draft) if is_postgresql() else _written_in_steps(draft)
    if not lines or lines[0].order_id is None:
        raise _refusal(lines, quantities) or RuntimeError("The database refused an order that can be placed")
    return _order(draft, lines)


def _written_at_once(draft: _Draft) -> list[Line]:
    may_share = len(draft.quantities) <= MAX_SHARED_LINES and not connection_of_thread().in_atomic_block
    with singleton(InFlight).adding(draft.quantities) as is_first:
        return (may_share and is_first and singleton(PlacedTogether).join(draft)) or _placed([draft], PLACE)


class InFlight:
    """The products of the orders that this process is placing. Orders of the same product queue for its row."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders_by_product: Counter[int] = Counter()

    @contextmanager
    def adding(self, products: Iterable[int]) -> Iterator[bool]:
        """Count an order of these products in the block. Gives whether no other order names one of them."""
        with self._lock:
            is_first = not any(self._orders_by_product[pk] for pk in products)
            self._orders_by_product.update(products)
        try:
            yield is_first
        finally:
            with self._lock:
                self._orders_by_product.subtract(products)
                for pk in products:
                    if not self._orders_by_product[pk]:
                        del self._orders_by_product[pk]


class PlacedTogether(GroupCommit[_Draft, list[Line]]):
    """Places orders without common products in one statement. Returns no lines for one that must be placed alone."""

    def write(self, items: list[_Draft]) -> list[list[Line]]:
        try:
            lines = _placed(items, PLACE_UNLOCKED)
        except (IntegrityError, DataError):  # because of one order: nothing was written
            lines = []
        line_by_product_id = {line.product_id: line for line in lines if line.order_id is not None}
        return [[line_by_product_id[pk] for pk in draft.quantities if pk in line_by_product_id] for draft in items]


def _placed(drafts: list[_Draft], sql: str) -> list[Line]:
    """Run `PLACE`, or `PLACE_UNLOCKED`, for orders without common products."""
    places = {pk: place for place, draft in enumerate(drafts) for pk in _possible(draft.quantities)}
    place_by_number = {draft.number: place for place, draft in enumerate(drafts)}
    values = {
        "ids": list_value(places),
        "units": list_value(drafts[place].quantities[pk] for pk, place in places.items()),
        "places": list_value(place + 1 for place in places.values()),
        "counts": list_value(len(draft.quantities) for draft in drafts),
        "numbers": list_value(place_by_number),
        "user_ids": list_value(draft.customer.pk for draft in drafts),
        "times": list_value(draft.now.isoformat() for draft in drafts),
        "max_total": MAX_TOTAL,
        "status": Order.Status.PENDING.value,
        "origin": origins_of_rows(
            [draft.origin for draft in drafts], {"catalog_product": places, "orders_order": place_by_number}
        ),
    }
    return [Line(*row) for row in _run(sql, values)]


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
