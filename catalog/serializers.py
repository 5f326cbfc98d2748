"""What of a product goes in and out."""

from typing import Any

from catalog.models import Product
from ecommerce.errors import InvalidInput
from ecommerce.serializers import (
    InMoneyObjects,
    LinksField,
    ShopModelSerializer,
    UrlField,
    WholeNumberField,
    second_version_of,
)


class ProductSerializer(ShopModelSerializer):
    class Meta:
        model = Product
        fields = ("id", "name", "description", "price", "stock", "sku", "version", "created_at", "updated_at")
        read_only_fields = ("id", "version", "created_at", "updated_at")

    labels = {"sku": "SKU"}


class ProductDetailSerializer(ProductSerializer):
    _links = LinksField(dict.fromkeys(("self", "update", "delete"), "product-detail"))

    class Meta(ProductSerializer.Meta):
        fields = (*ProductSerializer.Meta.fields, "_links")


class ProductChangeSerializer(ProductSerializer):
    """A change: with `version` it is refused when that is not the version that stands."""

    version = WholeNumberField(required=False, min_value=1, help_text="The version the change was made from.")

    class Meta(ProductSerializer.Meta):
        read_only_fields = ("id", "created_at", "updated_at")


class ProductReplacementSerializer(ProductChangeSerializer):
    """A whole product: name and price must be there, what else is left out returns to its default."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and not {"name", "price"} <= data.keys():
            texts = {"name": "Name is required", "price": "Valid price is required"}
            missing = {name: text for name, text in texts.items() if name not in data}
            raise InvalidInput("Name and price required", fields=missing)
        return super().to_internal_value(data)


class ProductRowSerializer(ShopModelSerializer):
    """A product in a list."""

    url = UrlField("product-detail")

    class Meta:
        model = Product
        fields = ("id", "name", "price", "stock", "url")


@second_version_of(ProductSerializer)
class ProductV2Serializer(InMoneyObjects, ProductSerializer):
    pass


@second_version_of(ProductDetailSerializer)
class ProductDetailV2Serializer(InMoneyObjects, ProductDetailSerializer):
    pass


@second_version_of(ProductChangeSerializer)
class ProductChangeV2Serializer(InMoneyObjects, ProductChangeSerializer):
    pass


@second_version_of(ProductReplacementSerializer)
class ProductReplacementV2Serializer(InMoneyObjects, ProductReplacementSerializer):
    pass


@second_version_of(ProductRowSerializer)
class ProductRowV2Serializer(InMoneyObjects, ProductRowSerializer):
    class Meta(ProductRowSerializer.Meta):
        fields = ("id", "name", "price", "stock", "version", "url")
