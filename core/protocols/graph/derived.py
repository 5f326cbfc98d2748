"""Types, inputs and arguments that are derived from the serializers and filters of the other protocols.

graphene-django converts the fields; this module adds the shop's own field types: amounts are Float, times are UTC.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import graphene
from graphene import relay
from graphene.types.utils import yank_fields_from_attrs
from graphene_django import DjangoObjectType
from graphene_django.forms.converter import convert_form_field, get_form_field_description
from graphene_django.registry import get_global_registry
from graphene_django.rest_framework.mutation import fields_for_serializer
from graphene_django.rest_framework.serializer_converter import get_graphene_type_from_serializer_field
from graphql import GraphQLResolveInfo
from rest_framework import serializers

from core.lists.filters import AmountField, DayField, ShopFilterSet, filters_of
from core.protocols.graph.context import graphql_caller, id_given
from core.protocols.graph.resolvers import FileUrl
from core.protocols.graph.scalars import DateTime
from core.serializers import AnyField, FileUrlField, LinksField, SerializerClass, StrictDecimalField

PLAIN = (serializers.CharField, serializers.IntegerField)

get_graphene_type_from_serializer_field.register(StrictDecimalField, lambda field: graphene.Float)
get_graphene_type_from_serializer_field.register(serializers.DateTimeField, lambda field: DateTime)
convert_form_field.register(
    AmountField, lambda field: graphene.Float(description=get_form_field_description(field), required=field.required)
)
convert_form_field.register(
    DayField, lambda field: graphene.String(description=get_form_field_description(field), required=field.required)
)


class NodeType(DjangoObjectType):
    """A type with the fields of a serializer, a global id, and the id of the other protocols as `pk`.

    A field that the class declares itself replaces the serializer's.
    """

    class Meta:
        abstract = True

    pk = graphene.Int(required=True)

    @classmethod
    def __init_subclass_with_meta__(
        cls, serializer_class: type[serializers.ModelSerializer[Any]], _meta: object = None, **options: object
    ) -> None:
        options |= {"model": serializer_class.Meta.model, "fields": (), "interfaces": (relay.Node,)}
        super().__init_subclass_with_meta__(_meta=_meta, **options)
        fields, own = serializer_class().fields, dict(cls._meta.fields)
        made = yank_fields_from_attrs(
            {name: _as_output(field) for name, field in fields.items() if name not in own and _is_output(field)},
            _as=graphene.Field,
            sort=False,
        )
        plain = {name: field for name, field in made.items() if isinstance(fields[name], PLAIN)}
        cls._meta.fields.clear()  # the attribute is frozen, its contents are not
        cls._meta.fields.update(plain | own | made)  # in the order of schema.graphql

    @classmethod
    def get_node(cls, info: GraphQLResolveInfo, id: str) -> Any:
        """Return the row with this id. Raises Unauthenticated, Forbidden, or NotFound."""
        return cls._meta.model.objects.one(graphql_caller(info), id_given(id))


def _is_output(field: AnyField) -> bool:
    return not field.write_only and not isinstance(field, LinksField)


def _as_output(field: AnyField) -> Any:
    options = {"required": not field.allow_null, "description": field.help_text}
    if isinstance(field, FileUrlField):
        return graphene.String(resolver=FileUrl(str(field.source), field.folder), **options)
    if isinstance(field, serializers.ListSerializer):
        rows: Any = field.child
        row = get_global_registry().get_type_for_model(rows.Meta.model)
        return graphene.List(graphene.NonNull(row), **options)
    return get_graphene_type_from_serializer_field(field)(**options)


def arguments_of(
    serializer_class: SerializerClass,
    *,
    partial: bool = False,
    names: Mapping[str, str] | None = None,
    **more: object,
) -> type:
    """Return the `Arguments` of a mutation: the input fields of a serializer, and `more`.

    `partial` makes them all optional; `names` maps a field's name to the argument's name, if the two differ.
    """
    fields = inputs_of(serializer_class, partial=partial)
    renamed = {(names or {}).get(name, name): field for name, field in fields.items()}
    return type("Arguments", (), renamed | more)


def input_type(name: str, serializer_class: SerializerClass, description: str) -> Any:
    """Return an input type with the input fields of a serializer."""
    return type(name, (graphene.InputObjectType,), {"__doc__": description, **inputs_of(serializer_class)})


def inputs_of(serializer_class: SerializerClass, *, partial: bool = False) -> dict[str, Any]:
    optional = ("__all__",) if partial else ()
    fields: dict[str, Any] = fields_for_serializer(serializer_class(), (), (), is_input=True, optional_fields=optional)
    return fields


@cache
def nullable_in(serializer_class: SerializerClass) -> frozenset[str]:
    """Return the names of the fields for which null is a value."""
    fields = serializer_class().fields.items()
    return frozenset(name for name, field in fields if field.allow_null and not field.read_only)


def given(values: Mapping[str, Any], *, with_null: Collection[str] = ()) -> dict[str, Any]:
    """Drop null values: null means not given, except for the fields in `with_null`, where it is a value."""
    return {name: value for name, value in values.items() if value is not None or name in with_null}


def filter_arguments(filterset: type[ShopFilterSet], *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the filters of a list as arguments."""
    return {name: convert_form_field(one.field) for name, one in filters_of(filterset).items() if name not in without}
