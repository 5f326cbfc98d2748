"""The levels of a plan: rows of one type, and the relations below them. See `query_plan`."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any

from django.db import models
from graphene.types.field import source_resolver
from graphene.types.resolver import dict_or_attr_resolver
from graphql import (
    GraphQLID,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)
from graphql_relay import to_global_id

from core.actors import Actor
from core.lists.bound import Bound
from core.lists.keyset import first_of_each
from core.plans.columns import Columns, Unplannable
from core.plans.generated import generated_function, or_none, url_of_file
from core.plans.reads import Role
from core.plans.statements import Row, Statement, list_value
from core.protocols.graph.execution import MAX_VALUES
from core.protocols.graph.plans.selections import Fallback, Selections
from core.protocols.graph.resolvers import FileUrl, Related

# For a scalar type, the expression that converts a column's value {v}. Other types use their `serialize`.
SCALAR_CONVERSIONS = {"Int": "{v}", "String": "{v}", "Float": "float({v})"}
MAX_TEXTS = 1_024  # cached texts for each enum and time type


class PlanRun:
    """One run of a plan."""

    def __init__(self, caller: Actor, variables: Mapping[str, Any]) -> None:
        self.caller, self.variables = caller, variables
        self._values_left = MAX_VALUES

    @property
    def role(self) -> Role:
        return Role.of(self.caller)

    def count(self, values: int) -> None:
        """Count values of the result. Raises Fallback if the result may exceed MAX_VALUES."""
        self._values_left -= values
        if self._values_left < 0:
            raise Fallback

    def rows(self, statement: Statement, **values: object) -> list[Row]:
        return statement.rows(caller=self.caller.pk, **values)


class RowLevel:
    """The rows of one type: their columns, and the generated function that turns them into objects.

    For `{ pk total user { username } items { quantity } }` of an order, the generated function is

        def generated(rows, related):
            return [{'pk': row[0], 'total': (None if row[1] is None else float(row[1])),
                     'user': related[0](row[2]), 'items': related[1](row[0]) or []} for row in rows]
    """

    def __init__(self, kind: Any, nodes: list[Any], selections: Selections, outer: tuple[str, ...] = ()) -> None:
        self.path, self.selections = (*outer, kind.name), selections  # the path has the types from the root to here
        self.columns = Columns(kind.graphene_type._meta.model)
        self.relations: list[Relation] = []
        self._names: dict[str, Any] = {"global_id": to_global_id}
        self._width = 0  # the number of fields of one object
        source = self._object(kind, nodes, self.columns, outer)
        self._objects = generated_function("rows, related", f"    return [{source} for row in rows]", self._names)

    def objects(self, rows: Sequence[Row], run: PlanRun) -> list[dict[str, Any]]:
        """Return the rows as objects. Runs one statement for each relation, plus the statements of the levels below."""
        run.count(len(rows) * self._width)
        return self._objects(rows, [relation.by_key(rows, run).get for relation in self.relations])

    def _object(self, kind: Any, nodes: list[Any], columns: Columns, outer: tuple[str, ...]) -> str:
        """Return the expression of an object: it reads the tuple `row` and calls the functions in `related`."""
        if kind.name in outer:
            raise Unplannable("a type within itself: graphql-core loads its rows once")
        selected = self.selections.of(nodes, kind)
        self._width += len(selected)
        # It is safe to compile: the client's only text in it is its aliases, which GraphQL limits to [_A-Za-z0-9].
        fields = (f"{key!r}: {self._field(kind, nodes, columns)}" for key, nodes in selected.items())
        return f"{{{', '.join(fields)}}}"

    def _field(self, kind: Any, nodes: list[Any], columns: Columns) -> str:
        name = nodes[0].name.value
        if name == "__typename":
            return repr(kind.name)
        field = kind.fields[name]
        if isinstance(field.resolve, Related):
            return self._relation(field, nodes, columns)
        leaf = get_nullable_type(field.type)
        if not is_leaf_type(leaf):
            raise Unplannable(f"{name} of {kind.name}")
        if leaf is GraphQLID:
            return f"global_id({kind.name!r}, {columns.expression('pk')})"
        if isinstance(field.resolve, FileUrl):
            return or_none(url_of_file(field.resolve.prefix), columns.expression(field.resolve.source))
        return or_none(self._conversion(leaf), columns.expression(_attribute_of(field.resolve)))

    def _conversion(self, leaf: Any) -> str:
        if leaf.name not in SCALAR_CONVERSIONS:
            self._names[f"to_{leaf.name}"] = lru_cache(MAX_TEXTS)(leaf.serialize)
        return SCALAR_CONVERSIONS.get(leaf.name, f"to_{leaf.name}({{v}})")

    def _relation(self, field: Any, nodes: list[Any], columns: Columns) -> str:
        relation: Any = columns.model._meta.get_field(field.resolve.relation)
        if relation.many_to_one and _is_open(field.resolve):
            row = self._object(get_named_type(field.type), nodes, columns.through(relation.name), self.path)
            return f"(None if {columns.expression(relation.attname)} is None else {row})"
        if columns is not self.columns or any(field.resolve is other.resolver for other in self.relations):
            raise Unplannable("a relation twice, which graphql-core loads once; or below a joined row")
        self.relations.append(Relation(field, relation, nodes, self))
        value = f"related[{len(self.relations) - 1}](row[{self.relations[-1].outer_index}])"
        return value if relation.many_to_one else f"{value} or []"


def _is_open(resolver: Related) -> bool:
    """Whether callers without a token see all rows of a relation: only then a join may read its row."""
    query = resolver.rows(Role(is_authenticated=False, is_staff=False)).query
    return not query.where


class Relation:
    """A relation of the outer rows: it reads the related rows."""

    def __init__(self, field: Any, relation: Any, nodes: list[Any], outer: RowLevel) -> None:
        self.resolver: Related = field.resolve
        self.is_one: bool = relation.many_to_one
        self.outer_index = outer.columns.index(relation.attname) if self.is_one else 0
        self._level = RowLevel(get_named_type(field.type), nodes, outer.selections, outer.path)
        self._key = "pk" if self.is_one else relation.field.attname
        self._key_index = self._level.columns.index(self._key)
        self._statement = cache(lambda role: Statement(partial(self._read, role)))
        self._statement_for_one = cache(lambda role: Statement(partial(self._read_for_one, role)))

    def _read(self, role: Role) -> models.QuerySet[Any, Any]:
        rows = self.resolver.rows(role).filter(**{f"{self._key}__among": Bound("ids")})
        if self.resolver.most is not None:
            rows = first_of_each(rows, self._key, self.resolver.most)
        return (rows.order_by() if self.is_one else rows).values_list(*self._level.columns.selected)

    def _read_for_one(self, role: Role) -> models.QuerySet[Any, Any]:
        """Read the related rows of one outer row: by an index, at most `resolver.most`."""
        rows = self.resolver.rows(role).filter(**{self._key: Bound("id")})
        return rows.values_list(*self._level.columns.selected)[: self.resolver.most]

    def _related_rows(self, ids: Collection[int], run: PlanRun) -> list[Row]:
        if not ids:
            return []
        if len(ids) == 1:
            return run.rows(self._statement_for_one(run.role), id=next(iter(ids)))
        return run.rows(self._statement(run.role), ids=list_value(ids))

    def by_key(self, outer: Sequence[Row], run: PlanRun) -> dict[int, Any]:
        """Map the key of each outer row to its related object, or to the list of them. Runs at most one statement."""
        rows = self._related_rows({row[self.outer_index] for row in outer} - {None}, run)
        objects = self._level.objects(rows, run)
        if self.is_one:
            return {row[0]: one for row, one in zip(rows, objects, strict=True)}
        found: dict[int, list[Any]] = {}
        for row, one in zip(rows, objects, strict=True):
            found.setdefault(row[self._key_index], []).append(one)
        return found


def _attribute_of(resolver: object) -> str:
    """Return the attribute of a row that a field shows. Raises Unplannable if its resolver does more."""
    if isinstance(resolver, partial) and resolver.func in (dict_or_attr_resolver, source_resolver):
        return str(resolver.args[0])
    raise Unplannable(f"{resolver} is not an attribute")
