"""Many rows of products as one parameter, in JSON: the statement is then the same for any number of rows."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import orjson
from django.db import connection
from django.db.models import CharField

from catalog.models import Product
from core.databases import is_postgresql

SOURCE = {"postgresql": "jsonb_array_elements(%s)", "sqlite": "json_each(%s)"}


def as_json_rows(products: Sequence[Product], columns: Sequence[str]) -> str:
    """Return the values of these columns, at least two of them, as an array for each product."""
    values = attrgetter(*columns)
    rows = [values(product) for product in products]
    if is_postgresql():
        return orjson.dumps(rows, default=_decimal_text).decode()
    moment = connection.ops.adapt_datetimefield_value  # not in the lambda: the lookup takes longer than the call
    return orjson.dumps(
        rows,
        default=lambda value: moment(value) if isinstance(value, datetime) else _decimal_text(value),
        option=orjson.OPT_PASSTHROUGH_DATETIME,
    ).decode()


def _decimal_text(value: Any) -> str:
    """Return the text of an amount. Raises TypeError for other types, such as an unset `db_default`."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{value!r} has no form in JSON")


def read_from_json(columns: Sequence[str]) -> list[str]:
    """Return the SQL of each column, for a statement that reads rows of `as_json_rows` as `value`."""
    if is_postgresql():
        return [f"(value ->> {place})::{_type(column)}" for place, column in enumerate(columns)]
    return [f"json_extract(value, '$[{place}]')" for place in range(len(columns))]


def _type(column: str) -> str:
    """Return PostgreSQL's type of a column, without its limits: a cast to varchar(64) would cut texts off."""
    field: Any = Product._meta.get_field(column)
    kind: str = field.db_type(connection)
    return "text" if isinstance(field, CharField) else kind.partition("(")[0]
