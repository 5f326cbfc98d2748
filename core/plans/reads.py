"""Compiled reads of the rows that a caller may see: one row by its id, a page of a list, the number of rows."""

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.db import models
from django.db.models.expressions import Expression, RawSQL

from core.actors import Actor
from core.lists.bound import Bound
from core.lists.deep_pages import DEEP, from_nearer_end
from core.lists.filters import Filtering
from core.lists.first_rows import at_start, rows_by_plan, sorted_without_index
from core.lists.keyset import Sort, beyond, total_after
from core.lists.row_counts import SUM, counted_table
from core.permissions import is_staff
from core.plans.statements import CountStatement, Row, Statement, list_value

Made = TypeVar("Made", bound=Statement)
MAX_STATEMENTS = 1_024  # of all filtered lists together: clients can combine filters in very many ways
_FILTERED: dict[Hashable, Any] = {}


class Role(NamedTuple):
    """All callers for whom `visible_to` gives the same SQL. It is passed to `visible_to` in place of a caller.

    Callers of one role differ only by their id, which is bound when a statement runs.
    """

    is_authenticated: bool
    is_staff: bool
    pk: Bound = Bound("caller")

    @classmethod
    def of(cls, user: Any) -> "Role":
        return cls(bool(user.is_authenticated), is_staff(user))


class Reads:
    """The statements for the rows of `queryset` that a caller may see, each compiled once for each role.

    `columns` are the arguments for `values_list`; the first is the id.
    """

    filtering = Filtering()

    def __init__(self, queryset: Any, columns: Sequence[str | Expression]) -> None:
        self.model: type[models.Model] = queryset.model
        self._queryset, self._columns = queryset.prefetch_related(None), list(columns)
        self._statements: dict[Hashable, Any] = {}
        self._unfiltered = self

    def where(self, filtering: Filtering, **values: object) -> "Reads":
        """Return the reads of the rows that pass the filters; `values` are those of placeholders in the queryset.

        With filters, the statements are not prepared: the best plan depends on the values.
        """
        reads = copy(self)
        reads.filtering = filtering._replace(values={**filtering.values, **values})
        return reads

    def row(self, caller: Actor, pk: int) -> Row | None:
        statement = self.statement(caller, "row", lambda rows: Statement(lambda: self._by_id(rows)))
        found = self.run(statement, caller, pk=pk)
        return found[0] if found else None

    def count(self, caller: Actor) -> int:
        statement = self.statement(caller, "count", lambda rows: CountStatement(lambda: rows))
        return statement.count(caller=caller.pk, **self.filtering.values)

    def page(self, caller: Actor, sort: Sort, limit: int, start: int) -> list[Row]:
        """Return up to `limit` rows after the first `start`. One statement; up to four for a search."""
        if self.filtering.conditions:
            return _PageRead(self, caller, sort, "page", {"limit": limit, "offset": start}).rows()
        # Without filters it is no search: most pages are read here.
        statement = self.statement(caller, sort, lambda rows: Statement(lambda: self._in(sort, rows), is_paged=True))
        return self.run(statement, caller, limit=limit, offset=start)

    def page_and_total(self, caller: Actor, sort: Sort, limit: int, start: int) -> tuple[list[Row], int]:
        """Return up to `limit` rows after the first `start`, and the number of all rows.

        One statement if the page shows the number, or if triggers count the rows; else two, or four for a deep page.
        Up to three more for a search.
        """
        if start >= DEEP:
            total = self.count(caller)
            return (self.page_at(caller, sort, limit, start, total) if start < total else []), total
        if self.filtering.conditions:
            found, counted = self.page(caller, sort, limit, start), None
        else:
            statement = self.statement(
                caller, (sort, "total"), lambda rows: Statement(partial(self._counted, sort, rows), is_paged=True)
            )
            found = self.run(statement, caller, limit=limit, offset=start)
            counted = found[0][-1] if found else None  # a Decimal; None if there are no triggers
        known = total_after(start, found, limit)
        if known is None:
            known = counted
        return found, self.count(caller) if known is None else int(known)

    def page_at(self, caller: Actor, sort: Sort, limit: int, start: int, total: int) -> list[Row]:
        """Return up to `limit` rows after the first `start` of `total`, which may be far from the start."""
        if start < DEEP:
            return self.page(caller, sort, limit, start)

        def ids(size: int, offset: int, is_reversed: bool) -> list[int]:
            order = sort.reversed if is_reversed else sort
            statement = self.statement(
                caller,
                (order, "ids"),
                lambda rows: Statement(lambda: order.applied(rows).values_list("pk"), is_paged=True),
            )
            return [pk for (pk,) in self.run(statement, caller, limit=size, offset=offset)]

        statement = self.statement(
            caller,
            (sort, "of ids"),
            lambda rows: Statement(lambda: self._in(sort, rows.filter(pk__among=Bound("ids")))),
        )
        found = list_value(from_nearer_end(ids, start, limit, total))
        return self.run(statement, caller, ids=found)

    def page_after(self, caller: Actor, sort: Sort, limit: int, value: object, pk: int) -> list[Row]:
        """Return up to `limit` rows after the row with this value of the sort's column and this id."""
        values = {"limit": limit, "offset": 0, "value": value, "pk": pk}
        return _PageRead(self, caller, sort, "after", values).rows()

    def position_of(self, row: Row, sort: Sort) -> tuple[object, int]:
        """Return the row's position in this order: the value of the sort's column, and the id."""
        return row[0 if sort.key == "id" else self._columns_with(sort).index(sort.key)], row[0]

    def run(self, statement: Statement, caller: Actor, **values: object) -> list[Row]:
        return statement.rows(caller=caller.pk, **self.filtering.values, **values)

    def _by_id(self, rows: Any) -> Any:
        return rows.filter(pk=Bound("pk")).order_by().values_list(*self._columns)

    def _in(self, sort: Sort, rows: models.QuerySet[Any]) -> Any:
        return self.columns_of(sort.applied(rows), sort)

    def columns_of(self, rows: models.QuerySet[Any], sort: Sort) -> Any:
        return rows.values_list(*self._columns_with(sort))

    def _counted(self, sort: Sort, rows: models.QuerySet[Any]) -> Any:
        """Return the rows with one more column: the number of all rows, or null if no triggers count them."""
        # A field without a conversion: one of the number would be applied to each row.
        table, number = counted_table(rows.query), models.Field()
        total = models.Value(None, number) if table is None else RawSQL(f"({SUM})", [table], number)  # noqa: S611  # a constant
        return sort.applied(rows).values_list(*self._columns, total)

    def _columns_with(self, sort: Sort) -> list[str | Expression]:
        return self._columns if sort.key == "id" or sort.key in self._columns else [*self._columns, sort.key]

    def statement(self, caller: Actor, shape: Hashable, build: Callable[[Any], Made]) -> Made:
        """Return the statement of this shape for the caller's role.

        If it is new, `build` gets the visible rows that pass the filters.
        """
        conditions = self.filtering.conditions
        key: Hashable = (shape, caller.is_authenticated, is_staff(caller))
        statements = self._statements
        if conditions:
            key, statements = (self._unfiltered, conditions, key), _FILTERED
        found: Made | None = statements.get(key)
        if found is None:
            if len(statements) >= MAX_STATEMENTS:
                statements.clear()
            found = statements[key] = build(self.filtering.applied(self._queryset.visible_to(Role.of(caller))))
            found.may_prepare = not conditions
        return found


class _PageRead:
    """One page of a list. If it is a search, PostgreSQL's plan decides how it is read: see `first_rows`."""

    def __init__(self, reads: Reads, caller: Actor, sort: Sort, shape: str, values: dict[str, Any]) -> None:
        self._reads, self._caller, self._sort, self._shape, self._values = reads, caller, sort, shape, values

    def rows(self) -> list[Row]:
        plain = self._statement("in order", lambda rows: rows)
        if not plain.searches:
            return self._run(plain)
        explained = self._run(plain.explained)
        return rows_by_plan(
            self._values["limit"],
            explained[0][0] if explained else None,
            in_order=lambda: self._run(plain),
            at_start=lambda: self._run(self._statement("at start", at_start)),
            when_sorted=lambda: self._run(self._statement("sorted", sorted_without_index)),
        )

    def _run(self, statement: Statement) -> list[Row]:
        return self._reads.run(statement, self._caller, **self._values)

    def _statement(self, way: str, ordered: Callable[[Any], Any]) -> Statement:
        def build(rows: Any) -> Statement:
            return Statement(lambda: self._reads.columns_of(ordered(self._in_order(rows)), self._sort), is_paged=True)

        return self._reads.statement(self._caller, (self._sort, self._shape, way), build)

    def _in_order(self, rows: Any) -> Any:
        if self._shape == "after":
            rows = rows.filter(
                beyond(self._sort, Bound("value", self._column), Bound("pk"), descending=self._sort.descending)
            )
        return self._sort.applied(rows)

    @property
    def _column(self) -> Any:
        return self._reads.model._meta.get_field(self._sort.key)
