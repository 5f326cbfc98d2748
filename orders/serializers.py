"""What of an order goes in and out."""

from typing import Any

from ecommerce.serializers import (
    InMoneyObjects,
    LinksField,
    ListOfObjects,
    ShopModelSerializer,
    ShopSerializer,
    UrlField,
    WholeNumberField,
    second_version_of,
)
from ecommerce.validators import MAX_INT32
from orders.actions import MAX_LINES
from orders.models import Order, OrderItem


class OrderItemSerializer(ShopModelSerializer):
    class Meta:
        model = OrderItem
        fields = ("product_id", "sku", "name", "unit_price", "quantity", "line_total")


class OrderSerializer(ShopModelSerializer):
    items = OrderItemSerializer(many=True, read_only=True)
    _links = LinksField({"self": "order-detail", "cancel": "order-cancel"})

    class Meta:
        model = Order
        fields = ("id", "number", "user_id", "status", "total", "version", "created_at", "items", "_links")


class OrderRowSerializer(ShopModelSerializer):
    """An order in the list of a user's orders."""

    url = UrlField("order-detail")

    class Meta:
        model = Order
        fields = ("id", "total", "status", "url")


class OrderItemV2Serializer(InMoneyObjects, OrderItemSerializer):
    pass


@second_version_of(OrderSerializer)
class OrderV2Serializer(InMoneyObjects, OrderSerializer):
    items = OrderItemV2Serializer(many=True, read_only=True)


@second_version_of(OrderRowSerializer)
class OrderRowV2Serializer(InMoneyObjects, OrderRowSerializer):
    class Meta(OrderRowSerializer.Meta):
        fields = ("id", "total", "status", "version", "url")


class OrderLineSerializer(ShopSerializer):
    product_id = WholeNumberField(min_value=1, max_value=MAX_INT32)
    quantity = WholeNumberField(min_value=1, max_value=MAX_INT32)

    class Meta:
        list_serializer_class = ListOfObjects


class BasketSerializer(ShopSerializer):
    """What to order; lines that name the same product are merged."""

    items = OrderLineSerializer(many=True, allow_empty=False, max_length=MAX_LINES)


def lines_of(basket: dict[str, Any]) -> list[tuple[int, int]]:
    """Return a valid basket as (product id, units)."""
    return [(item["product_id"], item["quantity"]) for item in basket["items"]]
