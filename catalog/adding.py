"""Inserts many products by one statement: the rows are one parameter, in JSON, so the statement is always the same.

Django's `bulk_create` writes nine parameters for each row into the statement. The triggers run as for any other insert.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import DEFAULT_DB_ALIAS, connection

from catalog.models import Product
from core.databases import is_postgresql
from core.origin import present_origin
from core.text.folding import folded

INSERT = {
    "postgresql": """
INSERT INTO catalog_product (
    name, name_folded, description, price, stock, sku, version, created_at, updated_at, reorder_level, category_id
)
SELECT row ->> 0, row ->> 1, row ->> 2, (row ->> 3)::numeric, (row ->> 4)::integer, row ->> 5, 1,
    (row ->> 6)::timestamptz, (row ->> 7)::timestamptz, (row ->> 8)::integer, (row ->> 9)::integer
FROM jsonb_array_elements(%s) WITH ORDINALITY AS rows (row, position)
WHERE (SELECT set_config('shop.origin', %s, true)) IS NOT NULL ORDER BY position RETURNING id
""",
    "sqlite": """
INSERT INTO catalog_product (
    name, name_folded, description, price, stock, sku, version, created_at, updated_at, reorder_level, category_id
)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), 1,
    json_extract(value, '$[6]'), json_extract(value, '$[7]'), json_extract(value, '$[8]'), json_extract(value, '$[9]')
FROM json_each(%s) ORDER BY key RETURNING id
""",
}


def insert_products(products: Sequence[Product]) -> None:
    """Insert clean products, and give them their ids. Raises IntegrityError; then no product has an id."""
    if not products:
        return
    moment = connection.ops.adapt_datetimefield_value
    rows = orjson.dumps([_columns(product, moment) for product in products]).decode()
    origin = [present_origin().as_json()] if is_postgresql() else []  # for the triggers of the history
    ids = connection.rows_written(INSERT[connection.vendor], [rows, *origin])  # type: ignore[attr-defined]  # of the shop's own backends
    for product, (pk,) in zip(products, sorted(ids), strict=True):  # ids ascend in the order of the rows
        product.pk = pk
        product._state.adding, product._state.db = False, DEFAULT_DB_ALIAS


def _columns(product: Product, moment: Callable[[datetime], Any]) -> tuple[Any, ...]:
    product.name_folded = folded(product.name)
    return (
        product.name,
        product.name_folded,
        product.description,
        str(product.price),
        product.stock,
        product.sku,
        moment(product.created_at),
        moment(product.updated_at),
        product.reorder_level,
        product.category_id,
    )
