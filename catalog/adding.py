"""Inserts many products by one statement: the rows are one parameter, in JSON, so the statement is always the same.

Django's `bulk_create` writes nine parameters for each row into the statement. The triggers run as for any other insert.
"""

from collections.abc import Sequence
from functools import cache

from django.db import DEFAULT_DB_ALIAS, connection

from catalog.json_rows import SOURCE, as_json_rows, read_from_json
from catalog.models import Product
from core.databases import is_postgresql
from core.origin import present_origin
from core.text.folding import folded

SET_OTHERWISE = ("id", "version", "image")  # a new product has version 1 and no image
COLUMNS = [field.attname for field in Product._meta.concrete_fields if field.name not in SET_OTHERWISE]


def insert_products(products: Sequence[Product]) -> None:
    """Insert clean products, and give them their ids. Raises IntegrityError; then no product has an id."""
    if not products:
        return
    for product in products:
        product.name_folded = folded(product.name)
    rows = as_json_rows(products, COLUMNS)
    origin = [present_origin().as_json()] if is_postgresql() else []  # for the triggers of the history
    ids = connection.rows_written(_insert(connection.vendor), [rows, *origin])  # type: ignore[attr-defined]  # of the shop's own backends
    for product, (pk,) in zip(products, sorted(ids), strict=True):  # ids ascend in the order of the rows
        product.pk = pk
        product._state.adding, product._state.db = False, DEFAULT_DB_ALIAS


@cache
def _insert(vendor: str) -> str:
    place, source = "key", f"{SOURCE[vendor]} AS rows"
    if vendor == "postgresql":
        place, source = "place", f"{SOURCE[vendor]} WITH ORDINALITY AS rows (value, place)"
        source += " WHERE (SELECT set_config('shop.origin', %s, true)) IS NOT NULL"
    columns, values = ", ".join(COLUMNS), ", ".join(read_from_json(COLUMNS))
    return (
        f"INSERT INTO catalog_product (version, {columns}) SELECT 1, {values} FROM {source} "  # noqa: S608  # names from the code
        f"ORDER BY {place} RETURNING id"
    )
