"""Compiled reads of the rows that a caller may see: one row by its id, a page of a list, the number of rows."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.db import models
from django.db.models.expressions import Expression, RawSQL

from core.actors import Actor
from core.bound import Bound
from core.lists.deep_pages import DEEP, from_nearer_end
from core.lists.keyset import Sort, beyond, total_after
from core.lists.row_counts import SUM, counted_table
from core.permissions import is_staff
from core.plans.statements import CountStatement, Row, Statement, list_value

Made = TypeVar("Made", bound=Statement)


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

    def __init__(self, queryset: Any, columns: Sequence[str | Expression]) -> None:
        self.model: type[models.Model] = queryset.model
        self._queryset, self._columns = queryset.prefetch_related(None), list(columns)
        self._statements: dict[Hashable, Any] = {}

    def row(self, caller: Actor, pk: int) -> Row | None:
        statement = self._statement(caller, "row", lambda rows: Statement(lambda: self._by_id(rows)))
        found = statement.rows(pk=pk, caller=caller.pk)
        return found[0] if found else None

    def count(self, caller: Actor) -> int:
        statement = self._statement(caller, "count", lambda rows: CountStatement(lambda: rows))
        return statement.count(caller=caller.pk)

    def page(self, caller: Actor, sort: Sort, limit: int, start: int) -> list[Row]:
        """Return up to `limit` rows after the first `start`."""
        statement = self._statement(caller, sort, lambda rows: Statement(lambda: self._in(sort, rows), is_paged=True))
        return statement.rows(limit=limit, offset=start, caller=caller.pk)

    def page_and_total(self, caller: Actor, sort: Sort, limit: int, start: int) -> tuple[list[Row], int]:
        """Return up to `limit` rows after the first `start`, and the number of all rows.

        One statement if the page shows the number, or if triggers count the rows; else two, or four for a deep page.
        """
        if start >= DEEP:
            total = self.count(caller)
            return (self.page_at(caller, sort, limit, start, total) if start < total else []), total
        statement = self._statement(
            caller, (sort, "total"), lambda rows: Statement(partial(self._counted, sort, rows), is_paged=True)
        )
        found = statement.rows(limit=limit, offset=start, caller=caller.pk)
        known = total_after(start, found, limit)
        if known is None and found:
            known = found[0][-1]  # from the triggers' counters, as a Decimal; None if there are no triggers
        return found, self.count(caller) if known is None else int(known)

    def page_at(self, caller: Actor, sort: Sort, limit: int, start: int, total: int) -> list[Row]:
        """Return up to `limit` rows after the first `start` of `total`, which may be far from the start."""
        if start < DEEP:
            return self.page(caller, sort, limit, start)

        def ids(size: int, offset: int, is_reversed: bool) -> list[int]:
            order = sort.reversed if is_reversed else sort
            statement = self._statement(
                caller,
                (order, "ids"),
                lambda rows: Statement(lambda: order.applied(rows).values_list("pk"), is_paged=True),
            )
            return [pk for (pk,) in statement.rows(limit=size, offset=offset, caller=caller.pk)]

        statement = self._statement(
            caller,
            (sort, "of ids"),
            lambda rows: Statement(lambda: self._in(sort, rows.filter(pk__among=Bound("ids")))),
        )
        found = list_value(from_nearer_end(ids, start, limit, total))
        return statement.rows(ids=found, caller=caller.pk)

    def page_after(self, caller: Actor, sort: Sort, limit: int, value: object, pk: int) -> list[Row]:
        """Return up to `limit` rows after the row with this value of the sort's column and this id."""

        def build(rows: Any) -> Statement:
            column: Any = self.model._meta.get_field(sort.key)
            past = beyond(sort, Bound("value", column), Bound("pk"), descending=sort.descending)
            return Statement(lambda: self._in(sort, rows.filter(past)), is_paged=True)

        statement = self._statement(caller, (sort, "after"), build)
        return statement.rows(limit=limit, offset=0, caller=caller.pk, value=value, pk=pk)

    def position_of(self, row: Row, sort: Sort) -> tuple[object, int]:
        """Return the row's position in this order: the value of the sort's column, and the id."""
        return row[0 if sort.key == "id" else self._columns_with(sort).index(sort.key)], row[0]

    def _by_id(self, rows: Any) -> Any:
        return rows.filter(pk=Bound("pk")).order_by().values_list(*self._columns)

    def _in(self, sort: Sort, rows: models.QuerySet[Any]) -> Any:
        return sort.applied(rows).values_list(*self._columns_with(sort))

    def _counted(self, sort: Sort, rows: models.QuerySet[Any]) -> Any:
        """Return the rows with one more column: the number of all rows, or null if no triggers count them."""
        # A field without a conversion: one of the number would be applied to each row.
        table, number = counted_table(rows.query), models.Field()
        total = models.Value(None, number) if table is None else RawSQL(f"({SUM})", [table], number)  # noqa: S611  # a constant
        return sort.applied(rows).values_list(*self._columns, total)

    def _columns_with(self, sort: Sort) -> list[str | Expression]:
        return self._columns if sort.key == "id" or sort.key in self._columns else [*self._columns, sort.key]

    def _statement(self, caller: Actor, shape: Hashable, build: Callable[[Any], Made]) -> Made:
        """Return the statement of this shape for the caller's role. If it is new, `build` gets the visible rows."""
        key = shape, caller.is_authenticated, is_staff(caller)
        found: Made | None = self._statements.get(key)
        if found is None:
            found = self._statements[key] = build(self._queryset.visible_to(Role.of(caller)))
        return found
