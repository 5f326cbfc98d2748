"""Serializers of products."""

from typing import Any

from catalog.actions import REQUIRED, WRITABLE
from catalog.categories import WRITABLE_OF_CATEGORY
from catalog.models import IMAGES, THUMBNAILS, Category, Product, ProductHistory
from core.errors import InvalidInput
from core.history.changes import MAX_REASON_LENGTH
from core.history.serializers import ChangeSerializer
from core.serializers import (
    Base64Field,
    FileUrlField,
    LinksField,
    ShopModelSerializer,
    ShopSerializer,
    TextField,
    UrlField,
    WholeNumberField,
    second_version_of,
)
from core.text.ascii import printable_ascii
from core.validation.validators import MAX_INT32


def category_id_field(help_text: str) -> WholeNumberField:
    """Make the field of the id of a category, or null."""
    return WholeNumberField(required=False, allow_null=True, min_value=0, max_value=MAX_INT32, help_text=help_text)


OF_CATEGORY = "The id of its category; null if it has none. Null or 0 removes the category."
BASED_ON = "The version that the change is based on."


class CategorySerializer(ShopModelSerializer):
    parent_id = category_id_field("The id of the category above; null at the top. Null or 0 moves it there.")
    _links = LinksField(dict.fromkeys(("self", "update", "delete"), "category-detail"))

    class Meta:
        model = Category
        fields = ("id", *WRITABLE_OF_CATEGORY, "_links")


class ProductSerializer(ShopModelSerializer):
    category_id = category_id_field(OF_CATEGORY)
    image = FileUrlField(IMAGES, help_text="The URL of its image; null if it has none.")
    thumbnail = FileUrlField(THUMBNAILS, source="image", help_text="The URL of the image in small, at most 320 pixels.")

    class Meta:
        model = Product
        fields: tuple[str, ...] = ("id", *WRITABLE, "image", "thumbnail", "version", "created_at", "updated_at")
        read_only_fields: tuple[str, ...] = ("id", "version", "created_at", "updated_at")

    labels = {"sku": "SKU"}


class ProductDetailSerializer(ProductSerializer):
    _links = LinksField(dict.fromkeys(("self", "update", "delete"), "product-detail"))

    class Meta(ProductSerializer.Meta):
        fields = (*ProductSerializer.Meta.fields, "_links")


class ProductChangeSerializer(ProductSerializer):
    """A change. If `version` is given and is not the current version, the change is refused."""

    version = WholeNumberField(required=False, min_value=1, help_text=BASED_ON)

    class Meta(ProductSerializer.Meta):
        read_only_fields = ("id", "created_at", "updated_at")
        extra_kwargs = {"sku": {"help_text": "Null or an empty text removes the SKU."}}


class ProductReplacementSerializer(ProductChangeSerializer):
    """A whole product. Name and price are required. Other missing fields return to their default."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and not {"name", "price"} <= data.keys():
            texts = {"name": "Name is required", "price": "Valid price is required"}
            missing = {name: text for name, text in texts.items() if name not in data}
            raise InvalidInput("Name and price required", fields=missing)
        return super().to_internal_value(data)


class ProductVersionSerializer(ShopSerializer):
    """The version that a change is based on. If it is given and is not the current version, the change is refused."""

    version = WholeNumberField(required=False, min_value=1, help_text=BASED_ON)


class ProductImageSerializer(ProductVersionSerializer):
    """An image, for GraphQL: the other protocols send bytes."""

    image = Base64Field(help_text="A JPEG, PNG or WebP file, in Base64.")


class ProductRowSerializer(ShopModelSerializer):
    """A product in a list."""

    url = UrlField("product-detail")

    class Meta:
        model = Product
        fields: tuple[str, ...] = ("id", "name", "price", "stock", "url")


@second_version_of(ProductRowSerializer)
class ProductRowV2Serializer(ProductRowSerializer):
    class Meta(ProductRowSerializer.Meta):
        fields = ("id", "name", "price", "stock", "version", "url")


class ProductHistorySerializer(ChangeSerializer):
    """A change of a product. `units` and `stock` are set if the stock changed: they are its ledger."""

    class Meta(ChangeSerializer.Meta):
        model = ProductHistory
        fields = (*ChangeSerializer.Meta.fields, "units", "stock")
        read_only_fields = fields


class StockCorrectionSerializer(ShopSerializer):
    """Units to add to the stock, or to take from it, and the reason."""

    units = WholeNumberField(min_value=-MAX_INT32, max_value=MAX_INT32, help_text="Negative to take units.")
    reason = TextField(max_length=MAX_REASON_LENGTH)


class ReversalSerializer(ShopSerializer):
    """The change to revert."""

    change_id = WholeNumberField(min_value=1, max_value=MAX_INT32, help_text="The id of a change in the history.")


NEW_VALUES = [name for name in WRITABLE if name != "sku"]
UNITS_PLACE = NEW_VALUES.index("stock") + 1


class SkuChangeSerializer(ShopModelSerializer):
    """New values of the product with this SKU. Fields that are left out stay as they are."""

    sku = TextField(max_length=64, validators=[printable_ascii])
    add_stock = WholeNumberField(
        required=False, min_value=-MAX_INT32, max_value=MAX_INT32, help_text="Units to add to the stock, or to take."
    )

    category_id = category_id_field(OF_CATEGORY)

    class Meta:
        model = Product
        fields = ("sku", *NEW_VALUES[:UNITS_PLACE], "add_stock", *NEW_VALUES[UNITS_PLACE:])
        extra_kwargs = {name: {"required": False} for name in REQUIRED}

    labels = {"sku": "SKU"}
