"""Types, inputs and arguments that GraphQL derives from serializers and filters."""

import graphene
from rest_framework import serializers

from catalog.filters import ProductFilter
from catalog.serializers import ProductChangeSerializer, ProductSerializer
from core.protocols.graph.derived import arguments_of, filter_arguments, given, input_type, nullable_in
from core.serializers import MoneyField, ShopSerializer


class ParcelSerializer(ShopSerializer):
    weight = serializers.IntegerField(help_text="In grams.")
    insured_for = MoneyField(max_digits=12, decimal_places=2, required=False)
    sent_at = serializers.DateTimeField(read_only=True)


def kinds(fields) -> dict[str, str]:
    return {name: str(field.get_type()) + "!" * bool(field.kwargs.get("required")) for name, field in fields.items()}


def test_inputs_have_the_types_and_the_requiredness_of_the_serializer():
    arguments = arguments_of(ParcelSerializer, id=graphene.Int(required=True))

    assert kinds({name: getattr(arguments, name) for name in ("id", "weight", "insured_for")}) == {
        "id": "Int!",
        "weight": "Int!",
        "insured_for": "Float",
    }
    assert arguments.weight.kwargs["description"] == "In grams."
    assert not hasattr(arguments, "sent_at")


def test_a_partial_input_requires_nothing_and_may_rename_a_field():
    arguments = arguments_of(ParcelSerializer, partial=True, names={"weight": "grams"})

    assert kinds({"grams": arguments.grams}) == {"grams": "Int"}
    assert not hasattr(arguments, "weight")


def test_input_type_keeps_the_order_of_the_serializer():
    fields = input_type("ParcelInput", ParcelSerializer, "A parcel.")._meta.fields

    assert list(fields) == ["weight", "insured_for"]


def test_filters_become_arguments_without_the_sort_order():
    arguments = filter_arguments(ProductFilter, without=("q",))

    assert kinds(arguments) == {
        "sku": "String",
        "min_price": "Float",
        "max_price": "Float",
        "in_stock": "Boolean",
        "low_stock": "Boolean",
        "category": "String",
    }
    assert arguments["min_price"].kwargs["description"] == "Lowest price, inclusive."


def test_null_is_a_value_only_of_a_field_that_may_be_null():
    assert nullable_in(ProductChangeSerializer) == {"sku", "category_id"}
    assert given({"name": None, "sku": None, "stock": 0}, with_null={"sku"}) == {"sku": None, "stock": 0}
    assert given({"name": None, "sku": None}) == {}


def test_fields_of_the_serializer_come_with_the_type():
    from catalog.schema import ProductType

    names = set(ProductType._meta.fields)

    assert set(ProductSerializer().fields) - {"id"} | {"id", "pk"} == names
    assert isinstance(ProductType._meta.fields["price"].type, graphene.NonNull)
    assert not isinstance(ProductType._meta.fields["sku"].type, graphene.NonNull)
