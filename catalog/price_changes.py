"""Changes of many prices, as clients ask for them and as every protocol shows them."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from catalog.bulk.repricing import ProductSelection
from catalog.filters import selection_of
from catalog.models import PriceChange
from catalog.pricing import MAX_PERCENT, MIN_PERCENT
from core.actors import Actor
from core.errors import BadParameters
from core.serializers import (
    LinksField,
    MoneyField,
    SerializerClass,
    ShopModelSerializer,
    ShopSerializer,
    StrictDecimalField,
    TextField,
    WholeNumberField,
    checked,
)

PERCENT: dict[str, Any] = {"max_digits": 7, "decimal_places": 2}
MONEY: dict[str, Any] = {"max_digits": 12, "decimal_places": 2, "read_only": True}


class PercentSerializer(ShopSerializer):
    """The percentage."""

    percent = StrictDecimalField(
        **PERCENT,
        min_value=MIN_PERCENT,
        max_value=MAX_PERCENT,
        help_text="-10 lowers prices by 10 percent, 5 raises them by 5; not 0. Prices are rounded half up to cents.",
    )


class RepricingSerializer(PercentSerializer):
    """The percentage, and the preview that it was decided on."""

    as_of = TextField(
        required=False,
        max_length=18,
        help_text="`as_of` of a preview: a product that has changed since keeps its price, unless only its stock has.",
    )


class PriceExampleSerializer(ShopSerializer):
    """The old and the new price of a product."""

    product_id = WholeNumberField(source="product.pk", read_only=True)
    sku = TextField(source="product.sku", allow_null=True, read_only=True)
    name = TextField(source="product.name", read_only=True)
    price = MoneyField(source="product.price", **MONEY)
    new_price = MoneyField(source="price", **MONEY)  # of `PriceRow`
    problem = TextField(read_only=True, help_text="The reason if the new price is refused, else empty.")


class PricePreviewSerializer(ShopSerializer):
    """The result of a change of prices, before it is made."""

    percent = StrictDecimalField(**PERCENT, read_only=True)
    matched = WholeNumberField(read_only=True, help_text="Number of products of the filter.")
    changed = WholeNumberField(read_only=True, help_text="Number of prices that would change.")
    unchanged = WholeNumberField(read_only=True, help_text="Number of prices that stay the same, once rounded.")
    refused = WholeNumberField(read_only=True, help_text="Number of products whose new price would be invalid.")
    as_of = TextField(read_only=True, help_text="Send it with the change.")
    examples = PriceExampleSerializer(many=True, read_only=True, help_text="The first 20 products, by id.")
    refusals = PriceExampleSerializer(many=True, read_only=True, help_text="The first 20 refused products.")


class PriceChangeSerializer(ShopModelSerializer):
    """A change of the prices of all products of a filter."""

    percent = StrictDecimalField(**PERCENT, read_only=True)
    matched = WholeNumberField(read_only=True, help_text="Number of products of the filter.")
    changed = WholeNumberField(read_only=True, help_text="Number of changed prices.")
    unchanged = WholeNumberField(read_only=True, help_text="Number of prices that are the same, once rounded.")
    refused = WholeNumberField(
        read_only=True, help_text="Number of products whose new price is invalid, or that others kept locked."
    )
    stale = WholeNumberField(
        read_only=True, help_text="Number of products that have changed since the preview, and keep their price."
    )
    applied_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Null while it is in progress.")
    undone_at = serializers.DateTimeField(read_only=True, allow_null=True)
    restored = WholeNumberField(
        read_only=True, allow_null=True, help_text="Number of prices that the undo restored; null if it is not undone."
    )
    left_ids = serializers.ListField(
        child=WholeNumberField(),
        read_only=True,
        help_text="The first 1,000 changed products that the undo left: they have another price, or are deleted.",
    )
    _links = LinksField({"self": "price-change-detail", "undo": "price-change-undo"})

    class Meta:
        model = PriceChange
        fields = (
            *("id", "actor_id", "created_at", "percent", "matched", "changed", "unchanged", "refused", "stale"),
            *("applied_at", "undone_at", "restored", "left_ids", "_links"),
        )
        read_only_fields = fields


def repricing_of(
    serializer_class: SerializerClass, *, caller: Actor, data: object, filters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the checked values of the data, and the `selection` of products. Raises InvalidInput."""
    bad, values = BadParameters(), {}
    selection: ProductSelection | None = None
    with bad:
        values = checked(serializer_class, data)
    with bad:
        selection = selection_of(caller, filters)
    bad.check()
    return values | {"selection": selection}
