"""Queries, compiled to plans.

graphql-core resolves each field of each row by itself. A plan does the same work level by level. It is compiled once
for a document, from the schema and from the attributes of the resolvers in `resolvers`:

- A `RowLevel` is the rows of one type: the columns that are selected, and one generated function from tuples to the
  objects of the response.
- A `Relation` reads the next level, by one statement for all rows of the outer one. If a relation leads to a
  single row that all callers may see, a join reads that row, without a statement of its own.
- `_RowField`, `_CallerField`, `_ListField` and `_ConnectionField` are the fields at the root.

A statement is compiled once for all callers who see the same rows. Ids, page sizes and the caller are bound to it.
A plan supports only these fields, with the arguments `id`, `orderBy`, those of a page, and filters, and no directives.
It returns only results without errors. graphql-core executes everything else, so correctness never depends on a plan.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import Error
from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    get_named_type,
)

from core.actors import Actor
from core.errors import DomainError
from core.lists.filters import ShopFilterSet, filtering_of
from core.lists.keyset import MAX_PER_PAGE, Page, Slice, Sort, cursor_at, cut_to_page, read_cursor
from core.permissions import is_signed_in, require
from core.plans.columns import Unplannable
from core.plans.reads import Reads
from core.plans.statements import Row
from core.protocols.graph.cost import cost_of
from core.protocols.graph.documents import label_of
from core.protocols.graph.plans.levels import PlanRun, RowLevel
from core.protocols.graph.plans.selections import Argument, Fallback, Selections
from core.protocols.graph.resolvers import CallerRow, FirstRows, OneRow, PagedRows
from core.protocols.graph.served_schema import served_schema

MAX_COSTS = 256  # of one document: one for each combination of page sizes


class PlannedResult(NamedTuple):
    data: dict[str, Any]
    cost: int


class _RowField:
    """A field at the root with one row, by its id."""

    def __init__(self, field: Any, nodes: list[Any], selections: Selections) -> None:
        self._resolver: OneRow = field.resolve
        self._id = selections.arguments(nodes[0], id=int).get("id")
        self._level = RowLevel(get_named_type(field.type), nodes, selections)
        self._reads = Reads(self._resolver.rows, self._level.columns.selected)

    def resolve(self, run: PlanRun) -> Any:
        require(run.caller, self._resolver.rows.readers)
        row = self._reads.row(run.caller, self._id.value(run.variables)) if self._id else None
        if row is None:
            raise Fallback
        return self._level.objects([row], run)[0]


class _CallerField:
    """A field at the root with the signed-in caller, whose row is loaded already."""

    def __init__(self, field: Any, nodes: list[Any], selections: Selections) -> None:
        selections.arguments(nodes[0])
        self._level = RowLevel(get_named_type(field.type), nodes, selections)

    def resolve(self, run: PlanRun) -> Any:
        require(run.caller, is_signed_in)
        row = tuple(getattr(run.caller, str(name)) for name in self._level.columns.selected)
        return self._level.objects([row], run)[0]


class _Wrapper:
    """An object around rows: a connection, an edge or a page info. `known` are the fields that a plan supports."""

    def __init__(self, kind: Any, nodes: list[Any], selections: Selections, known: Sequence[str]) -> None:
        self._nodes, self.typename = selections.of(nodes, kind), kind.name
        self.names = {key: nodes[0].name.value for key, nodes in self._nodes.items()}
        if unknown := {*self.names.values()} - {*known, "__typename"}:
            raise Unplannable(f"{unknown} of {kind.name}")

    def inner(self, name: str) -> list[Any]:
        """Return the nodes of an object field; an empty list if the field is not selected."""
        found = [nodes for key, nodes in self._nodes.items() if self.names[key] == name]
        if len(found) > 1:
            raise Unplannable(f"{name} twice")
        return found[0] if found else []

    def __contains__(self, name: str) -> bool:
        return name in self.names.values()

    def object(self, **values: object) -> dict[str, Any]:
        """Return the object with the values of its selected fields."""
        values["__typename"] = self.typename
        return {key: values[name] for key, name in self.names.items()}


def _kinds_of_filters(
    field: Any, filterset: type[ShopFilterSet] | None, filters: Mapping[str, str] = MappingProxyType({})
) -> dict[str, type]:
    """Return the types of the arguments that are filters with a compiled form, and that have a type of SCALARS.

    `filters` maps the name of an argument to that of its filter, if the two differ.
    """
    compiled = filterset.bound | filterset.keyed if filterset else frozenset()
    kinds = {name: get_named_type(each.type).name for name, each in field.args.items()}
    names = (name for name, each in field.args.items() if filters.get(each.out_name, each.out_name) in compiled)
    return {name: SCALARS[kinds[name]] for name in names if kinds[name] in SCALARS}


def _filtered(reads: Reads, filterset: Any, filters: Mapping[str, Argument], variables: Mapping[str, Any]) -> Reads:
    """Return the reads of the rows that pass the filters. Raises InvalidInput if a filter is invalid."""
    if not filters:
        return reads
    params = {name: argument.value(variables) for name, argument in filters.items()}
    filtering = filtering_of(filterset, {name: value for name, value in params.items() if value is not None})
    if filtering is None:
        raise Fallback
    return reads.where(filtering)


class _ListField:
    """A field at the root with the first rows of a filtered list."""

    def __init__(self, field: Any, nodes: list[Any], selections: Selections) -> None:
        self._resolver: FirstRows = field.resolve
        names = self._resolver.filters
        given = selections.arguments(nodes[0], _kinds_of_filters(field, self._resolver.filterset, names))
        by_python_name = {field.args[name].out_name: argument for name, argument in given.items()}
        self._filters = {names.get(name, name): argument for name, argument in by_python_name.items()}
        self._level = RowLevel(get_named_type(field.type), nodes, selections)
        self._reads = Reads(self._resolver.rows, self._level.columns.selected)

    def resolve(self, run: PlanRun) -> Any:
        reads = _filtered(self._reads, self._resolver.filterset, self._filters, run.variables)
        return self._level.objects(reads.page(run.caller, self._resolver.sort, MAX_PER_PAGE, 0), run)


class _ConnectionField:
    """A field at the root with a page of a list, which may be filtered."""

    def __init__(self, field: Any, nodes: list[Any], selections: Selections) -> None:
        self._resolver: PagedRows = field.resolve.args[0]  # graphene wraps it
        kinds_of_filters = _kinds_of_filters(field, self._resolver.filterset)
        given = selections.arguments(nodes[0], {**kinds_of_filters, **PAGING}, orderBy=str)
        self._paging = {name: given.pop(name) for name in PAGING if name in given}
        self._order = given.pop("orderBy", Argument(str))
        self._filters = {field.args[name].out_name: argument for name, argument in given.items()}
        outer = _Wrapper(field.type, nodes, selections, ("edges", "pageInfo", "totalCount"))
        kinds = {name: get_named_type(inner.type) for name, inner in field.type.fields.items()}
        edge = _Wrapper(kinds["edges"], outer.inner("edges"), selections, ("node", "cursor"))
        self._info = _Wrapper(kinds["pageInfo"], outer.inner("pageInfo"), selections, PAGE_INFO)
        self._level = RowLevel(get_named_type(kinds["edges"].fields["node"].type), edge.inner("node"), selections)
        self._outer, self._edge = outer, edge
        self._sorts: dict[str | None, Sort] = {}
        self._has_cursors = "cursor" in edge or "startCursor" in self._info or "endCursor" in self._info
        self._reads = Reads(self._resolver.filtered({}), self._level.columns.selected)

    def resolve(self, run: PlanRun) -> Any:
        require(run.caller, self._resolver.guard)
        sort = self._sort(self._order.value(run.variables))
        reads = _filtered(self._reads, self._resolver.filterset, self._filters, run.variables)
        rows, has_next, has_previous = self._page(reads, sort, run)
        total = 0
        if "totalCount" in self._outer:
            total = reads.count(run.caller)
        run.count(len(self._outer.names) + len(self._info.names) + len(rows) * len(self._edge.names))
        cursors = [cursor_at(sort, *self._reads.position_of(row, sort)) for row in rows] if self._has_cursors else []
        edges, info = self._edges(rows, cursors, run), None
        if "pageInfo" in self._outer:
            info = self._info.object(
                hasNextPage=has_next,
                hasPreviousPage=has_previous,
                startCursor=cursors[0] if cursors else None,
                endCursor=cursors[-1] if cursors else None,
            )
        return self._outer.object(totalCount=total, edges=edges, pageInfo=info)

    def _page(self, reads: Reads, sort: Sort, run: PlanRun) -> Page[Any]:
        """Read the page. Raises InvalidInput for a bad cursor, and Fallback as `_slice`."""
        wanted = self._slice(run)
        order, name = (sort.reversed, "before") if wanted.is_backwards else (sort, "after")
        cursor, limit = getattr(wanted, name), (wanted.limit or 0) + 1
        if cursor is None:
            return cut_to_page(reads.page(run.caller, order, limit, 0), wanted)
        value, pk = read_cursor(reads.model, sort, cursor, name)
        return cut_to_page(reads.page_after(run.caller, order, limit, value, pk), wanted)

    def _slice(self, run: PlanRun) -> Slice:
        """Return the slice that is asked for.

        Raises Fallback for an invalid size, for `before` in a page from the start and for `after` in one from the end.
        """
        wanted = Slice(**{name: argument.value(run.variables) for name, argument in self._paging.items()})
        if wanted.limit is None:
            wanted = wanted._replace(first=MAX_PER_PAGE)
        has_one_end = wanted.after is None if wanted.is_backwards else wanted.before is None and wanted.last is None
        if not has_one_end or not 0 <= (wanted.limit or 0) <= MAX_PER_PAGE:
            raise Fallback
        return wanted

    def _sort(self, text: str | None) -> Sort:
        """Return the order for the argument `orderBy`. Raises InvalidInput if the list has no such order."""
        if text not in self._sorts:
            self._sorts[text] = self._resolver.sort(text)
        return self._sorts[text]

    def _edges(self, rows: Sequence[Row], cursors: Sequence[str], run: PlanRun) -> list[dict[str, Any]]:
        if "node" not in self._edge:
            return [self._edge.object(cursor=cursor) for cursor in cursors or [""] * len(rows)]
        nodes = self._level.objects(rows, run)
        if [*self._edge.names.values()] == ["node"]:  # the most common selection
            (key,) = self._edge.names
            return [{key: node} for node in nodes]
        pairs = zip_longest(nodes, cursors)
        return [self._edge.object(node=node, cursor=cursor) for node, cursor in pairs]


SCALARS: Mapping[str, type] = {"String": str, "Float": float, "Boolean": bool}  # the types of filters
PAGING: Mapping[str, type] = {"first": int, "last": int, "after": str, "before": str}
PAGE_INFO = ("hasNextPage", "hasPreviousPage", "startCursor", "endCursor")
ROOTS: Mapping[type, Any] = {
    OneRow: _RowField,
    CallerRow: _CallerField,
    FirstRows: _ListField,
    PagedRows: _ConnectionField,
}


class QueryPlan:
    """The plan of one query of a valid document."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        """Raises Unplannable."""
        self._document, self._operation, self.label = document, operation, label_of(operation)
        selections = Selections(document, operation)
        kind: Any = served_schema().query_type
        self._fields = {key: _root(kind, nodes, selections) for key, nodes in selections.of([operation], kind).items()}
        self._sizes = selections.page_sizes
        self._costs: dict[tuple[int, ...], int] = {}

    def result(self, caller: Actor, variables: Mapping[str, Any]) -> PlannedResult | None:
        """Return the result and its cost; None if graphql-core must execute the query: it may have errors."""
        run = PlanRun(caller, variables)
        try:
            cost = self._cost(variables)
            run.count(len(self._fields))
            return PlannedResult({key: field.resolve(run) for key, field in self._fields.items()}, cost)
        except (DomainError, Error, GraphQLError, Fallback):
            return None

    def _cost(self, variables: Mapping[str, Any]) -> int:
        sizes = tuple(size.value(variables) for size in self._sizes)
        if sizes not in self._costs:
            if len(self._costs) >= MAX_COSTS:
                self._costs.clear()
            self._costs[sizes] = cost_of(served_schema(), self._document, self._operation, variables)
        return self._costs[sizes]


def _root(query: Any, nodes: list[Any], selections: Selections) -> Any:
    """Return the planned field at the root. Raises Unplannable if its resolver is not one of ROOTS."""
    field = query.fields.get(nodes[0].name.value)  # None for an introspection
    resolver = field.resolve if field else None
    if isinstance(resolver, partial) and resolver.args:  # as graphene wraps the resolver of a connection
        resolver = resolver.args[0]
    if type(resolver) not in ROOTS:
        raise Unplannable(f"{nodes[0].name.value} at the root")
    return ROOTS[type(resolver)](field, nodes, selections)
