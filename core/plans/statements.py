"""SQL that is compiled once for each shape of a query, and bound to the values of each request."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, ForeignObject, Lookup, QuerySet

from core.databases import is_postgresql
from core.django_internals import connection_of_thread
from core.lists.bound import Bound
from core.lists.first_rows import searches
from core.lists.row_counts import SUM, counted_table
from core.postgresql.replicas import rows_of_replica

Row = tuple[Any, ...]
LIMIT, OFFSET = "limit", "offset"


@Field.register_lookup
@ForeignObject.register_lookup
class Among(Lookup):
    """Whether a column is in a list, a `Bound` or of `list_value`. It is one parameter: its length changes no SQL."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, self.rhs]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, self.rhs]  # noqa: S608  # Django's SQL


def list_value(values: Iterable[int | str]) -> str:
    """Return the value to bind for a list: an array in PostgreSQL's form, or JSON. Texts must need no quotes there."""
    return f"{{{','.join(map(str, values))}}}" if is_postgresql() else json.dumps(list(values))


def text_list_value(texts: Iterable[str]) -> str:
    """Return the value to bind for a list of any texts, in PostgreSQL's form."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


class _Compiled(NamedTuple):
    sql: str
    params: Sequence[Any]  # each `Bound` is replaced by the value of its name
    names: tuple[str, ...] | None  # of the parameters, if all are bound and the driver converts them
    converted: Callable[[list[Row]], list[Row]] | None  # None if the driver already returns Django's values

    @classmethod
    def of(
        cls, sql: str, params: Sequence[Any], converted: Callable[[list[Row]], list[Row]] | None = None
    ) -> "_Compiled":
        names = tuple(param.name for param in params if isinstance(param, Bound) and param.is_plain)
        return cls(sql, params, names if len(names) == len(params) else None, converted)

    def bound(self, values: Mapping[str, Any]) -> list[Any]:
        if self.names is not None:
            return list(map(values.__getitem__, self.names))
        return [param.value_in(values) if isinstance(param, Bound) else param for param in self.params]


NO_ROWS = _Compiled.of("", ())  # of a query that Django does not send, because it knows that no row is found


class Statement:
    """One query, compiled once and run with different values.

    `build` returns a queryset of `values_list`, in which all values that differ between runs are `Bound`. It is called
    once, when the statement first runs. If `is_paged`, each run also takes `limit` and `offset`. If not `may_prepare`,
    PostgreSQL plans each run for its values.
    """

    may_prepare = True

    def __init__(self, build: Callable[[], QuerySet[Any, Any]], *, is_paged: bool = False) -> None:
        self._build, self._is_paged = build, is_paged

    def rows(self, **values: object) -> list[Row]:
        """Run the statement, on a thread without an event loop. Raises the exceptions of Django's own queries."""
        compiled = self._compiled
        if not compiled.sql:
            return []
        bound = compiled.bound(values)
        rows = rows_of_replica(compiled.sql, bound, may_prepare=self.may_prepare)
        if rows is None:
            rows = connection_of_thread().rows_of(compiled.sql, bound, may_prepare=self.may_prepare)
        return compiled.converted(rows) if compiled.converted else rows

    @cached_property
    def searches(self) -> bool:
        """Whether the plan decides how the rows are read: see `core.lists.first_rows`."""
        return searches(self._build())

    @cached_property
    def explained(self) -> "Statement":
        """The statement that returns PostgreSQL's plan of this one, as JSON."""
        return _Explanation(self._build, is_paged=self._is_paged)

    @cached_property
    def _compiled(self) -> _Compiled:
        compiler = self._build().query.get_compiler(connection=connections[DEFAULT_DB_ALIAS])
        sql, params = _sql_of(compiler)
        if not sql:
            return NO_ROWS
        if self._is_paged:
            sql, params = f"{sql} LIMIT %s OFFSET %s", (*params, Bound(LIMIT), Bound(OFFSET))
        converters = compiler.get_converters([column for column, *_ in compiler.select[: compiler.col_count]])

        def converted(rows: list[Row]) -> list[Row]:
            return [tuple(row) for row in compiler.apply_converters(rows, converters)]

        return _Compiled.of(sql, params, converted if converters else None)


def _sql_of(compiler: Any) -> tuple[str, Sequence[Any]]:
    """Return a query and its parameters; an empty text if Django knows that it finds no row."""
    try:
        found: tuple[str, Sequence[Any]] = compiler.as_sql()
    except EmptyResultSet:
        return "", ()
    return found


class _Explanation(Statement):
    may_prepare = False

    @cached_property
    def _compiled(self) -> _Compiled:
        plain = super()._compiled
        return plain._replace(sql=f"EXPLAIN (FORMAT JSON) {plain.sql}", converted=None) if plain.sql else NO_ROWS


class CountStatement(Statement):
    """The number of rows of the queryset that `build` returns."""

    def count(self, **values: object) -> int:
        found = self.rows(**values)
        return int(found[0][0]) if found else 0

    @cached_property
    def _compiled(self) -> _Compiled:
        counted = self._build()
        if (table := counted_table(counted.query)) is not None:
            return _Compiled.of(SUM, [table])
        sql, params = _sql_of(counted.order_by().values_list("pk").query.get_compiler(DEFAULT_DB_ALIAS))
        if not sql:
            return NO_ROWS
        return _Compiled.of(f"SELECT COUNT(*) FROM ({sql}) AS counted", params)  # noqa: S608  # Django's SQL
