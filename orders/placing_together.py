"""Takes the stock of baskets and writes their orders on PostgreSQL; for each basket it does both or neither.

`PLACE` is one statement, which is atomic without a transaction around it. `locked` locks the products in id order: two
orders of the same products queue instead of deadlocking. If the statement waited for a lock, PostgreSQL reads the row
again, so `stock` is never older than the lock. The update also changes the newest version of the row, because no other
transaction can write it. `basket` has no row for an order if one of its products is missing, the stock of one is too
small or the total is too large: then no row is written for it, and the statement returns its products as they were
under the lock, so the refusal names the exact reason.

Orders that several threads place at the same time share a statement (`PlacedTogether`): four orders then take half of
PostgreSQL's time, because the statement, its triggers and its commit begin and end once. Orders in one statement have
no product in common, so each product has one change with one origin. A shared statement does not wait for rows that
another transaction has locked, products or customers: it leaves out their orders. An order that is left out, for this
or any other reason, gets a statement of its own. So no order waits for the rows of another, and refusals are exact.

The sub-select around the ids hides the length of the list from the planner. With it, a plan for any basket looks as
cheap as one for this basket, and PostgreSQL keeps it: to plan this statement takes a quarter of the time to run it.
Each node of the plan costs time, so no more is sorted or joined than is needed.

An idempotency key of a shared order is recorded by the same statement, if it is unused. If a duplicate is in flight,
the statement fails, at once or after CLAIM_WAIT_MS, and each of its orders is placed alone: the duplicate may have
recorded the key and wait for a product of this statement.

The triggers of the history run when the statement ends, and read the origins that `placed` sets.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

from django.db import DatabaseError

from core.databases import is_lock_timeout, sqlstate
from core.django_internals import connection_of_thread
from core.history.origins import origins_of_rows
from core.plans.statements import list_value, text_list_value
from core.postgresql.group_commit import GroupCommit
from core.runtime import singleton
from orders.drafts import Draft, Line, is_placed, possible_ids, why_refused
from orders.models import MAX_TOTAL, Order

CLAIM_WAIT_MS = 100  # for a duplicate with the same key, which may wait for a product of this statement
MAX_WAIT_FOR_CLAIM_S = 1  # a lock timeout that took longer is of a table, which an order alone would wait for too
# Classes of PostgreSQL's errors that one order can cause: wrong values, constraints, serialization, triggers.
OF_ONE_ORDER = ("22", "23", "40", "P0")
MAX_SHARED_LINES = 20  # an order of more products is placed alone: its statement would delay the others

# `positions` has the position of each product's order in the lists `numbers`, `user_ids`, `times` and `counts`, from 1.
_PLACE = """
WITH locked AS MATERIALIZED (
    SELECT id, sku, name, price, stock, (%(units)s::integer[])[array_position(%(ids)s::integer[], id)] AS units,
        (%(positions)s::integer[])[array_position(%(ids)s::integer[], id)] AS position
    FROM catalog_product WHERE id = ANY((SELECT %(ids)s::integer[])::integer[]) ORDER BY id FOR UPDATE {skip_locked}
), basket AS MATERIALIZED (
    SELECT position, count(*) AS lines, sum(price * units) AS total FROM locked GROUP BY position
    HAVING count(*) = (%(counts)s::integer[])[position] AND bool_and(stock >= units)
        AND sum(price * units) <= %(max_total)s {if_unlocked_and_unused}
), taken AS (
    UPDATE catalog_product AS product SET stock = product.stock - locked.units FROM locked JOIN basket USING (position)
    WHERE product.id = locked.id RETURNING product.id
), placed AS (
    INSERT INTO orders_order (number, user_id, status, total, version, created_at)
    SELECT (%(numbers)s::text[])[position], (%(user_ids)s::integer[])[position], %(status)s, total, 1,
        (%(times)s::timestamptz[])[position]
    FROM basket WHERE (SELECT count(*) FROM taken) = (SELECT sum(lines) FROM basket)
        AND (SELECT set_config('shop.origin', %(origin)s, true)) <> ''
    RETURNING id, number, user_id, created_at
), items AS (
    INSERT INTO orders_orderitem (order_id, product_id, sku, name, unit_price, quantity, line_total)
    SELECT placed.id, locked.id, sku, name, price, units, price * units
    FROM placed JOIN locked ON position = array_position(%(numbers)s::text[], number::text) ORDER BY locked.id
    RETURNING order_id, id, product_id, sku, name, unit_price
), event AS (
    INSERT INTO orders_orderevent (order_id, actor_id, status, note, at)
    SELECT id, user_id, %(status)s, '', created_at FROM placed
){claimed}
SELECT product_id, sku, name, unit_price, NULL, order_id, id FROM items
UNION ALL SELECT id, sku, name, price, stock, NULL, NULL FROM locked
WHERE position NOT IN (SELECT position FROM basket)
"""
_IF_UNLOCKED_AND_UNUSED = """AND (%(user_ids)s::integer[])[position] IN (
            SELECT id FROM accounts_user WHERE id = ANY((SELECT %(user_ids)s::integer[])::integer[])
            FOR KEY SHARE SKIP LOCKED
        ) AND NOT EXISTS (
            SELECT FROM ecommerce_idempotencyrecord WHERE user_id = (%(user_ids)s::integer[])[position]
                AND operation = %(operation)s AND key = (%(keys)s::text[])[position]
        )"""
_CLAIMED = """, claimed AS (
    INSERT INTO ecommerce_idempotencyrecord (user_id, operation, key, input_hash, result, created_at)
    SELECT user_id, %(operation)s, key, (%(hashes)s::text[])[position], jsonb_build_object('order', id), created_at
    FROM (SELECT *, array_position(%(numbers)s::text[], number::text) AS position FROM placed) AS of_position,
        LATERAL (SELECT (%(keys)s::text[])[position] AS key) AS of_key
    WHERE key <> '' AND set_config('lock_timeout', %(claim_wait)s, true) <> ''
)"""
PLACE = _PLACE.format(skip_locked="", if_unlocked_and_unused="", claimed="")
PLACE_UNLOCKED = _PLACE.format(
    skip_locked="SKIP LOCKED", if_unlocked_and_unused=_IF_UNLOCKED_AND_UNUSED, claimed=_CLAIMED
)


def placed(draft: Draft) -> list[Line]:
    """Place the order, with orders of other threads or alone. Returns the products as they are if it is refused."""
    with singleton(InFlight).adding(draft.quantities) as is_first:
        lines = _shared(draft) if is_first else []
        is_answer = lines and (is_placed(lines) or why_refused(lines, draft.quantities))
        return lines if is_answer else _placed([draft], PLACE)


def placed_with_others(draft: Draft) -> list[Line]:
    """Place the order and record its idempotency key. Returns no lines if it must be placed alone."""
    with singleton(InFlight).adding(draft.quantities) as is_first:
        lines = _shared(draft) if is_first else []
    return lines if is_placed(lines) else []


def _shared(draft: Draft) -> list[Line]:
    """Return the lines of the order, placed or refused by this thread or another; none if it must be placed alone."""
    may_share = len(draft.quantities) <= MAX_SHARED_LINES and not connection_of_thread().in_atomic_block
    return singleton(PlacedTogether).join(draft) if may_share else []


class InFlight:
    """The products of the orders that this process is placing. Orders of the same product queue for its row."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders_by_product: Counter[int] = Counter()

    @contextmanager
    def adding(self, products: Iterable[int]) -> Iterator[bool]:
        """Count an order of these products in the block. Gives whether no other order names one of them."""
        ids = list(products)
        with self._lock:
            is_first = not any(pk in self._orders_by_product for pk in ids)
            self._orders_by_product.update(ids)
        try:
            yield is_first
        finally:
            with self._lock:
                self._orders_by_product.subtract(ids)
                for pk in ids:
                    if not self._orders_by_product[pk]:
                        del self._orders_by_product[pk]


class PlacedTogether(GroupCommit[Draft, list[Line]]):
    """Places orders without common products in one statement.

    Returns the products of an order that is not placed, and no lines if one of them is locked or missing.
    """

    def write(self, items: list[Draft]) -> list[list[Line]]:
        began = monotonic()
        lines: list[Line] = []
        try:
            lines = _placed(items, PLACE_UNLOCKED)
        except DatabaseError as error:
            is_of_claim = is_lock_timeout(error) and monotonic() - began < MAX_WAIT_FOR_CLAIM_S
            if not (is_of_claim or sqlstate(error)[:2] in OF_ONE_ORDER):
                raise  # else no row was written, because of one order
        line_by_product_id = {line.product_id: line for line in lines}
        return [
            [line_by_product_id[pk] for pk in draft.quantities]
            if line_by_product_id.keys() >= draft.quantities.keys()
            else []
            for draft in items
        ]


def _placed(drafts: list[Draft], sql: str) -> list[Line]:
    """Run `PLACE`, or `PLACE_UNLOCKED`, for orders without common products."""
    positions = {pk: position for position, draft in enumerate(drafts) for pk in possible_ids(draft.quantities)}
    position_by_number = {draft.number: position for position, draft in enumerate(drafts)}
    values = {
        "ids": list_value(positions),
        "units": list_value(drafts[position].quantities[pk] for pk, position in positions.items()),
        "positions": list_value(position + 1 for position in positions.values()),
        "counts": list_value(len(draft.quantities) for draft in drafts),
        "numbers": list_value(position_by_number),
        "user_ids": list_value(draft.customer.pk for draft in drafts),
        "times": list_value(draft.now.isoformat() for draft in drafts),
        "max_total": MAX_TOTAL,
        "status": Order.Status.PENDING.value,
        **_claims(drafts),
        "origin": drafts[0].origin.as_json()
        if len(drafts) == 1  # each row's trigger parses it
        else origins_of_rows(
            [draft.origin for draft in drafts], {"catalog_product": positions, "orders_order": position_by_number}
        ),
    }
    return [Line(*row) for row in connection_of_thread().rows_written(sql, values)]


def _claims(drafts: list[Draft]) -> dict[str, str]:
    """Return the values of `PLACE_UNLOCKED` for the orders with idempotency keys. The others have an empty one."""
    claims = [draft.claim for draft in drafts]
    return {
        "claim_wait": f"{CLAIM_WAIT_MS}ms",
        "operation": next((claim.operation for claim in claims if claim), ""),
        "keys": text_list_value(claim.key if claim else "" for claim in claims),
        "hashes": text_list_value(claim.input_hash if claim else "" for claim in claims),
    }
