"""Takes the stock of a basket and writes its order, or does neither.

PostgreSQL does this in one statement: `orders/placing_together.py`. SQLite has one writer at a time, from BEGIN on:
there, plain statements in one transaction have the same result. It stores amounts as floating-point numbers, so the
totals are computed here.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from catalog.models import Product
from core.actors import SignedIn
from core.databases import is_postgresql
from core.django_internals import connection_of_thread
from core.idempotency import Claim
from core.lists.bound import Bound
from core.origin import originating
from core.plans.statements import Statement, list_value
from orders.drafts import Draft, Line, is_placed, new_draft, order_of, possible_ids, total_price, why_refused
from orders.models import Order
from orders.placing_together import placed, placed_with_others

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


def write_order(customer: SignedIn, quantities: Mapping[int, int]) -> Order:
    """Take the stock and record the order, with its items prefetched. One statement on PostgreSQL, five on SQLite.

    `quantities` maps product ids to units, in id order. Outside of a transaction, another thread may write the order
    with its own. Raises UnknownProduct, OutOfStock, InvalidInput; no row is then changed.
    """
    draft = new_draft(customer, quantities)
    lines = placed(draft) if is_postgresql() else _written_in_steps(draft)
    if not is_placed(lines):
        raise why_refused(lines, quantities) or RuntimeError("The database refused an order that can be placed")
    return order_of(draft, lines)


def write_order_once(customer: SignedIn, quantities: Mapping[int, int], claim: Claim) -> Order | None:
    """Do the same and record the idempotency key, in one statement. Returns None if no row was written.

    That is so on SQLite, in a transaction, if the key is used, if the order is refused, or if it must be placed alone.
    """
    if not is_postgresql():
        return None
    draft = new_draft(customer, quantities, claim)
    lines = placed_with_others(draft)
    return order_of(draft, lines) if lines else None


def _written_in_steps(draft: Draft) -> list[Line]:
    quantities, status = draft.quantities, Order.Status.PENDING.value
    with originating(cause=draft.origin.cause, reason=draft.origin.reason), transaction.atomic(savepoint=False):
        products = [Line(*row) for row in PRODUCTS.rows(ids=list_value(possible_ids(quantities)))]
        if why_refused(products, quantities):
            return products
        now = connection.ops.adapt_datetimefield_value(draft.now)
        _run(TAKE, [json.dumps(list(quantities.items()))])
        total = total_price(products, quantities)
        [(order_id,)] = _run(ADD_ORDER, [draft.number, draft.customer.pk, status, str(total), now])
        rows = [_item_columns(order_id, line, quantities[line.product_id]) for line in products]
        placeholders = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(rows))
        params = [value for row in rows for value in row]
        item_ids: Any = _run(f"{ADD_ITEMS} {placeholders} RETURNING product_id, id", params)
        _run(ADD_EVENT, [order_id, draft.customer.pk, status, now])
    item_id_by_product_id: dict[int, int] = dict(item_ids)
    return [line._replace(order_id=order_id, item_id=item_id_by_product_id[line.product_id]) for line in products]


def _item_columns(order_id: int, line: Line, units: int) -> tuple[Any, ...]:
    # Copied, not joined: a later change of the product must not alter old orders.
    return (order_id, line.product_id, line.sku, line.name, str(line.price), units, str(line.price * units))


def _run(sql: str, params: object) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection_of_thread().rows_written(sql, params)
    return rows
