"""A serializer's readable fields, compiled to one function that turns rows into the objects of a response."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, cast

from django.db import models
from django.db.models.expressions import Expression
from rest_framework import serializers

from core import serializers as shop
from core.lists.bound import Bound
from core.plans.columns import Columns, Unplannable
from core.plans.generated import UNCHANGED, generated_function, or_none, url_of_file
from core.plans.statements import Row, Statement, list_value

Links = Callable[[str], tuple[str, str]]  # returns the two parts of a route's URL: before the id and after it

log = logging.getLogger(__name__)
# For a type of field, the expression that converts a value {v} as the field's `to_representation` does.
# Subclasses are left out, because they may convert it in another way.
CONVERSIONS: Mapping[type, str] = {
    serializers.IntegerField: UNCHANGED,
    serializers.BigIntegerField: UNCHANGED,
    serializers.CharField: UNCHANGED,
    serializers.EmailField: UNCHANGED,
    serializers.ChoiceField: UNCHANGED,
    serializers.BooleanField: UNCHANGED,
    serializers.ReadOnlyField: UNCHANGED,
    shop.WholeNumberField: UNCHANGED,
    shop.TextField: UNCHANGED,
    shop.NormalizedTextField: UNCHANGED,
    shop.NormalizedEmailText: UNCHANGED,
    shop.StrictDecimalField: "float({v})",
    shop.MoneyField: "float({v})",
    shop.MoneyObjectField: "money_object({v})",
    serializers.DateTimeField: "({v}.isoformat()[:-6] + 'Z' if {v}.tzinfo is UTC else moment({v}))",
    shop.UnixSecondsField: "int({v}.timestamp())",
}


def _conversion(field: Any) -> str | None:
    if type(field) is shop.FileUrlField:
        return url_of_file(shop.prefix_of(field.folder))
    return CONVERSIONS.get(type(field))


class _FieldSource(NamedTuple):
    """The expressions of one field: its value from a tuple, and from a model object. Both are called `row`."""

    name: str
    from_tuple: str
    from_object: str


class ChildRows(NamedTuple):
    """The rows of a reverse relation: `plan` shows them, `read` loads them by their parents' ids."""

    relation: str
    plan: "ReadPlan"
    read: Statement

    def by_parent(self, ids: Sequence[int], links: Links) -> dict[int, list[Any]]:
        """Return the representations of the rows of each parent. One statement."""
        found: dict[int, list[Any]] = {}
        rows = self.read.rows(ids=list_value(ids))
        for row, shown in zip(rows, self.plan.from_tuples(rows, links), strict=True):
            found.setdefault(row[-1], []).append(shown)
        return found


class ReadPlan:
    """The fields of one serializer, compiled.

    `columns` are the arguments for `values_list`; the first is the id. For a serializer with an id, a price, a link and
    a list of items, the generated function for tuples is

        def generated(rows, links, children):
            before0, after0 = links[0]
            children0 = children[0]
            return [{'id': row[0], 'price': (None if row[1] is None else float(row[1])),
                     'url': f'{before0}{row[0]}{after0}', 'items': children0(row[0]) or []} for row in rows]
    """

    def __init__(self, serializer_class: shop.SerializerClass) -> None:
        """Raises Unplannable."""
        self.model: type[models.Model] = serializer_class.Meta.model  # type: ignore[attr-defined]  # of a ModelSerializer
        self._columns = Columns(self.model)
        self._children: list[ChildRows] = []
        self._routes: list[str] = []  # of the links
        if serializer_class.to_representation not in (
            serializers.Serializer.to_representation,
            serializers.ModelSerializer.to_representation,
        ):
            raise Unplannable(f"{serializer_class.__name__} overrides to_representation")
        fields = serializer_class().fields.items()
        sources = [self._source_of(name, field) for name, field in fields if not field.write_only]
        self._from_tuples = self._function({source.name: source.from_tuple for source in sources})
        self._from_objects = self._function({source.name: source.from_object for source in sources})

    # -- Running ------------------------------------------------------------------------------------------------
    @property
    def columns(self) -> list[str | Expression]:
        return self._columns.selected

    def from_tuples(self, rows: Sequence[Row], links: Links) -> list[dict[str, Any]]:
        """Return the representation of each row. One statement for each kind of child, however many rows."""
        ids = [row[0] for row in rows] if self._children else []
        children = [child.by_parent(ids, links).get for child in self._children]
        return self._from_tuples(rows, [links(route) for route in self._routes], children)

    def from_objects(self, objects: Sequence[models.Model], links: Links) -> list[dict[str, Any]]:
        """Return the representation of each object. Children are read from the objects: prefetch them."""
        children = [lambda rows, plan=child.plan: plan.from_objects(rows.all(), links) for child in self._children]
        return self._from_objects(objects, [links(route) for route in self._routes], children)

    def narrowed(self, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Load only the columns that the plan reads."""
        names = [column for column in self.columns if isinstance(column, str)]
        return queryset.only(*names) if len(names) == len(self.columns) else queryset

    # -- Compiling ----------------------------------------------------------------------------------------------
    def _source_of(self, name: str, field: Any) -> _FieldSource:
        if type(field) is shop.UrlField:
            return _FieldSource(name, *(self._url(field.routes["url"], pk) for pk in _PK))
        if type(field) is shop.LinksField:
            return _FieldSource(name, *(self._urls(field.routes, pk) for pk in _PK))
        if isinstance(field, serializers.ListSerializer) and not self._is_json(field.source):
            return self._children_source(name, field)
        conversion = UNCHANGED if self._is_json(field.source) else _conversion(field)
        if conversion is None or "." in field.source or field.source == "*":
            raise Unplannable(f"{name} is a {type(field).__name__} of {field.source}")
        from_tuple, from_object = self._columns.expression(field.source), f"row.{field.source}"
        return _FieldSource(name, or_none(conversion, from_tuple), or_none(conversion, from_object))

    def _is_json(self, source: str | None) -> bool:
        """Whether a column already has the form of the response: a list of objects with the serializer's fields."""
        return any(isinstance(each, models.JSONField) and each.name == source for each in self.model._meta.fields)

    def _url(self, route: str, pk: str) -> str:
        """Return the expression of a row's URL: the id between the two parts of the route's URL."""
        if route not in self._routes:
            self._routes.append(route)
        number = self._routes.index(route)
        return f"f'{{before{number}}}{{{pk}}}{{after{number}}}'"

    def _urls(self, routes: Mapping[str, str], pk: str) -> str:
        urls = ", ".join(f"{key!r}: {self._url(route, pk)}" for key, route in routes.items())
        return f"{{{urls}}}"

    def _children_source(self, name: str, field: Any) -> _FieldSource:
        relations = {each.get_accessor_name(): each for each in self.model._meta.related_objects}
        relation = relations.get(field.source)
        if relation is None or type(field) is not serializers.ListSerializer:
            raise Unplannable(f"{name} is no list of a reverse relation")
        plan, parent = ReadPlan(cast("shop.SerializerClass", type(field.child))), relation.field.attname
        ordering = plan.model._meta.ordering or ["pk"]

        def build() -> models.QuerySet[Any, Any]:
            rows = plan.model._default_manager.filter(**{f"{parent}__among": Bound("ids")}).order_by(*ordering)
            return rows.values_list(*plan.columns, parent)

        function = f"children{len(self._children)}"
        self._children.append(ChildRows(str(field.source), plan, Statement(build)))
        return _FieldSource(name, f"{function}(row[0]) or []", f"{function}(row.{field.source})")

    def _function(self, expressions: Mapping[str, str]) -> Callable[..., list[Any]]:
        fields = ", ".join(f"{name!r}: {expression}" for name, expression in expressions.items())
        lines = [f"    before{number}, after{number} = links[{number}]" for number in range(len(self._routes))]
        lines += [f"    children{number} = children[{number}]" for number in range(len(self._children))]
        source = "\n".join([*lines, f"    return [{{{fields}}} for row in rows]"])
        return generated_function("rows, links, children", source, _NAMES)


def _moment(moment: datetime) -> str:
    """Return a moment in another time zone as DRF writes it, in ISO 8601 and UTC."""
    return f"{moment.astimezone(UTC).isoformat()[: -len('+00:00')]}Z"


_NAMES = {"money_object": shop.money_object, "moment": _moment, "UTC": UTC}  # the functions that conversions call
_PK = ("row[0]", "row.pk")  # the id of a tuple, and of an object


@cache
def plan_of(serializer_class: shop.SerializerClass) -> ReadPlan | None:
    """Return the plan of a serializer, or None if it has none; the reason is logged once."""
    try:
        return ReadPlan(serializer_class)
    except Unplannable as reason:
        log.warning("%s has no plan, and is slower: %s", serializer_class.__name__, reason)
        return None
