"""Resolvers with attributes that describe their reads.

graphql-core calls the resolvers. `plans` compiles the same reads from the attributes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import models
from graphql import GraphQLResolveInfo

from core.actors import SignedIn
from core.lists.filters import ShopFilterSet, filtered
from core.lists.first_rows import rows_at
from core.lists.keyset import MAX_PER_PAGE, Sort, first_of_each, sort_of
from core.permissions import Guard, anyone, is_signed_in, signed_in
from core.protocols.graph.connections import CountedConnection, connection_of
from core.protocols.graph.context import graphql_caller, id_given
from core.protocols.graph.errors import renaming_fields
from core.protocols.graph.peers import grouped, related
from core.querysets import ShopQuerySet
from core.serializers import prefix_of

SLICE = ("first", "last", "after", "before")


class OneRow:
    """Resolves a field to the row with the argument `id`, among the rows that the caller may see."""

    def __init__(self, rows: ShopQuerySet[Any]) -> None:
        self.rows = rows

    def __call__(self, root: object, info: GraphQLResolveInfo, id: int | None = None) -> models.Model:
        row: models.Model = self.rows.one(graphql_caller(info), id_given(id))
        return row


class CallerRow:
    """Resolves a field to the signed-in caller."""

    def __call__(self, root: object, info: GraphQLResolveInfo) -> SignedIn:
        return signed_in(graphql_caller(info, is_signed_in))


class Related:
    """Resolves a relation of a row. `rows` returns the rows that the caller may see, in the order of the list.

    If `most` is given, a list has at most that many rows.
    """

    def __init__(self, relation: str, rows: Callable[[Any], models.QuerySet[Any]], *, most: int | None = None) -> None:
        self.relation, self.rows, self.most = relation, rows, most

    def __call__(self, row: models.Model, info: GraphQLResolveInfo) -> Any:
        rows = self.rows(graphql_caller(info))
        if self.most is not None:
            field: Any = row._meta.get_field(self.relation)
            rows = first_of_each(rows, field.field.attname, self.most)
        return related(row, self.relation, rows)


class FileUrl:
    """Resolves a field to the public URL of the file that a column names, or null."""

    def __init__(self, source: str, folder: str) -> None:
        self.source, self.folder = source, folder

    @property
    def prefix(self) -> str:
        return prefix_of(self.folder)

    def __call__(self, row: models.Model, info: GraphQLResolveInfo) -> str | None:
        name = getattr(row, self.source)
        return None if name is None else self.prefix + name


class FirstRows:
    """Resolves a list to the first MAX_PER_PAGE rows that pass the filters, in one order.

    `filters` maps the name of an argument to that of its filter, if the two differ.
    """

    def __init__(
        self, rows: ShopQuerySet[Any], sort: Sort, filterset: type[ShopFilterSet], filters: Mapping[str, str]
    ) -> None:
        self.rows, self.sort, self.filterset, self.filters = rows, sort, filterset, filters

    def __call__(self, root: object, info: GraphQLResolveInfo, **args: object) -> list[Any]:
        params = {self.filters.get(name, name): value for name, value in args.items()}
        with renaming_fields(**{name: argument for argument, name in self.filters.items()}):
            found = filtered(self.filterset, params, self.rows.visible_to(graphql_caller(info)))
        return grouped(rows_at(self.sort.applied(found), 0, MAX_PER_PAGE))


class PagedRows:
    """Resolves a connection to a page of the rows that the caller may see; only for callers who pass the guard."""

    def __init__(
        self,
        rows: ShopQuerySet[Any],
        keys: tuple[str, ...],
        default: Sort,
        *,
        filterset: type[ShopFilterSet] | None = None,
        guard: Guard = anyone,
    ) -> None:
        self.rows, self.keys, self.default, self.filterset, self.guard = rows, keys, default, filterset, guard

    def __call__(
        self, root: object, info: GraphQLResolveInfo, order_by: str | None = None, **args: object
    ) -> CountedConnection:
        caller = graphql_caller(info, self.guard)
        paging = {name: args.pop(name, None) for name in SLICE}
        node = info.return_type.graphene_type._meta.node  # type: ignore[union-attr]  # the type of a connection
        return connection_of(
            node, paging, sort=lambda: self.sort(order_by), find=lambda: self.filtered(args).visible_to(caller)
        )

    def sort(self, order_by: str | None) -> Sort:
        """Read the argument `orderBy`. Raises InvalidInput."""
        return sort_of(order_by, self.keys, self.default, "order_by")

    def filtered(self, filters: dict[str, Any]) -> ShopQuerySet[Any]:
        """Return the rows that pass the filters. Raises InvalidInput."""
        return filtered(self.filterset, filters, self.rows) if self.filterset else self.rows
