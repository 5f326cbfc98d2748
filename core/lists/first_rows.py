"""The first rows of a filtered list, in its order.

PostgreSQL expects the rows of a filter to be spread evenly over the list. So it reads an index in the order of the list
until it has found enough of them. If they are together at the end, as names with the same first word may be, it reads
the whole table so: 1.6 s for a million rows, and 4 s for a rare condition that PostgreSQL expects to be common. To read
the rows of the filter by its own index, and to sort them, takes less if they are at most MOST_SORTED: 0.12 s. Before
more than MANY_SORTED are sorted, the start of the list is read: it has enough of them if they are spread evenly.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Coalesce
from django.db.models.sql.datastructures import BaseTable

from core.databases import is_postgresql
from core.text.search import Has

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler, _AsSqlType

Row = TypeVar("Row", bound=Model)
ROWS_OF_TABLE = "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)"  # an estimate; -1 if there is none
MOST_SORTED = 150_000
FEW_SORTED = 20_000  # rows, for which sorting takes less than reading the start of the list
READ_BEFORE = 5_000  # rows at the start of the list, in which the rows of a common word are looked for first
MANY_SORTED = 50_000  # rows, for which sorting takes more than reading LONG_START rows of the list
LONG_START = 100_000  # rows at the start of the list, in which a filter of MANY_SORTED out of a million rows has 5,000
# The start of the list that is read, compared with what has enough rows if they are spread evenly. It is this long, as
# PostgreSQL expects up to five times too many rows with a word of two characters.
SPREAD = 8
OTHERS = 1.5  # the rows that are not of the filter and are read, compared with PostgreSQL's estimate of their number
MOST_COST = 300_000  # in PostgreSQL's units: up to this cost, more than MOST_SORTED rows are sorted too


def first_ids(rows: "QuerySet[Any]", most: int) -> list[Any]:
    """Return the ids of the first `most` rows. Two to five statements on PostgreSQL, which is asked for its plan."""
    ids = rows.values_list("pk", flat=True)
    plan = _plan_of(ids[:most])
    expected = _rows_at_risk(plan)
    if expected is None:
        return list(ids[:most])
    by_filter = sorted_without_index(ids)[:most]
    plan_by_filter = _plan_of(by_filter)
    if expected > MOST_SORTED and _cost(plan_by_filter) > min(_cost(plan), MOST_COST):
        return list(ids[:most])
    if expected > MANY_SORTED or _reads_table(plan_by_filter):
        found = list(at_start(ids, _long_start(rows.model, most, expected))[:most])
        if len(found) == most:
            return found
    return list(by_filter)


def _long_start(model: type[Model], most: int, expected: int) -> int:
    """Return how many rows of the list's start to read for `most` rows of a filter, at most LONG_START.

    If few rows are not of the filter, the start has enough rows although all others are there.
    """
    with connection.cursor() as cursor:
        cursor.execute(ROWS_OF_TABLE, [model._meta.db_table])
        (rows,) = cursor.fetchone()
    if rows <= 0 or expected <= 0:
        return LONG_START
    with_others = int(most + OTHERS * (rows - expected))
    spread = int(SPREAD * most * rows / expected)
    return min(LONG_START, spread if with_others > LONG_START else max(spread, with_others))


def rows_at(rows: "QuerySet[Row]", start: int, stop: int) -> list[Row]:
    """Return the rows from `start` to `stop` of a list: up to four statements if it is a search in texts, else one."""
    if not searches(rows):
        return list(rows[start:stop])
    return rows_by_plan(
        stop - start,
        _plan_of(rows[start:stop]),
        in_order=lambda: list(rows[start:stop]),
        at_start=lambda: list(at_start(rows)[start:stop]),
        when_sorted=lambda: list(sorted_without_index(rows)[start:stop]),
    )


def searches(rows: "QuerySet[Any]") -> bool:
    """Whether the rows are those of a search in texts, on PostgreSQL."""
    return is_postgresql() and any(isinstance(condition, Has) for condition in rows.query.where.leaves())


def rows_by_plan(
    size: int,
    plan: Any,
    *,
    in_order: Callable[[], list[Any]],
    at_start: Callable[[], list[Any]],
    when_sorted: Callable[[], list[Any]],
) -> list[Any]:
    """Return up to `size` rows, read in the way that suits PostgreSQL's plan for `in_order`."""
    expected = _rows_at_risk(plan)
    if expected is None:
        return in_order()
    if expected > FEW_SORTED:
        found = at_start()
        if len(found) == size:
            return found
    return when_sorted() if expected <= MOST_SORTED else in_order()


def rows_by_index(rows: "QuerySet[Any]") -> int | None:
    """Return how many rows PostgreSQL expects; None if it would read the whole table for them, as for common words."""
    plan = _plan_of(rows)
    return None if plan is None or _reads_table(plan) else int(plan[0]["Plan"]["Plan Rows"])


def _plan_of(rows: "QuerySet[Any]") -> Any:
    """Return PostgreSQL's plan as JSON; None if there is none: Django knows that no row is found."""
    text = rows.explain(format="json") if is_postgresql() else ""
    return json.loads(text) if text else None


def _rows_at_risk(found: Any) -> int | None:
    """Return how many rows PostgreSQL expects in all, if it would read an index from its start and test each row."""
    if found is None:
        return None
    plan: dict[str, Any] = found[0]["Plan"]
    while plan["Node Type"] in ("Limit", "Incremental Sort", "Gather Merge"):
        plan = plan["Plans"][0]
    reads_index = plan["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in plan
    return int(plan["Plan Rows"]) if reads_index and "Filter" in plan else None


def _cost(found: Any) -> float:
    """Return the cost, in PostgreSQL's units, to read all rows of a list that the plan reads the first rows of."""
    plan: dict[str, Any] = found[0]["Plan"]
    return float((plan["Plans"][0] if plan["Node Type"] == "Limit" else plan)["Total Cost"])


def _reads_table(found: Any) -> bool:
    """Whether PostgreSQL would read the whole table: no index finds words of fewer than three characters."""
    plan: dict[str, Any] = found[0]["Plan"]
    while plan["Node Type"] in ("Limit", "Sort", "Gather", "Gather Merge"):
        plan = plan["Plans"][0]
    return bool(plan["Node Type"] == "Seq Scan")


class _Start(BaseTable):
    """The first rows of a table in an order, in place of the table."""

    def __init__(self, table: BaseTable, rows: "QuerySet[Any]") -> None:
        super().__init__(table.table_name, table.table_alias)
        self._rows = rows

    def as_sql(self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper") -> "_AsSqlType":
        sql, params = self._rows.query.get_compiler(connection=connection).as_sql()
        return f"({sql}) {compiler.quote_name_unless_alias(str(self.table_alias))}", params


def at_start(rows: "QuerySet[Row]", size: int = READ_BEFORE) -> "QuerySet[Row]":
    """Keep the rows that are among the first `size` of the whole table, in the order of the list.

    PostgreSQL reads the index of the order to there, and tests these rows. A condition on the value of the last of them
    would read more rows if many have this value, and fewer if nulls come first.
    """
    started = rows.all()
    query: Any = started.query
    alias = query.get_initial_alias()
    whole = rows.model._default_manager.order_by(*query.order_by)[:size]
    query.alias_map[alias] = _Start(query.alias_map[alias], whole)
    return started


def sorted_without_index(rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Return the rows in the same order, by an expression that no index has."""
    first, *rest = rows.query.order_by
    order: Any = first  # an OrderBy, if it is not the name of a column
    if isinstance(first, str):
        order = OrderBy(F(first.lstrip("-")), descending=first.startswith("-"))
    value: Any = order.expression
    hidden = OrderBy(Coalesce(value, value), order.descending, order.nulls_first, order.nulls_last)
    return rows.order_by(hidden, *rest)
