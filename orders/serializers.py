"""The serializers of orders."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from core.batch import checked_rows
from core.errors import DomainError
from core.history.serializers import ChangeSerializer
from core.serializers import (
    LinksField,
    ListOfObjects,
    ShopModelSerializer,
    ShopSerializer,
    UrlField,
    WholeNumberField,
    checked,
    second_version_of,
)
from core.validation.validators import MAX_INT32
from orders.actions import MAX_LINES
from orders.bulk import MAX_MOVES, OrderMove
from orders.models import Order, OrderHistory, OrderItem
from orders.transitions import MOVE_DETAILS, VERBS


class OrderItemSerializer(ShopModelSerializer):
    product_id = serializers.IntegerField(
        source="ordered_product_id",
        read_only=True,
        allow_null=True,
        help_text="The id of the ordered product, even after the product is deleted.",
    )

    class Meta:
        model = OrderItem
        fields = ("product_id", "sku", "name", "unit_price", "quantity", "line_total")


class OrderSerializer(ShopModelSerializer):
    items = OrderItemSerializer(many=True, read_only=True)
    _links = LinksField({"self": "order-detail", "cancel": "order-cancel"})

    class Meta:
        model = Order
        own = ("id", "number", "user_id", "status", "total", "version", "created_at", *MOVE_DETAILS)
        fields = (*own, "items", "_links")
        read_only_fields = MOVE_DETAILS


class MoveDetailsSerializer(ShopModelSerializer):
    """The fields of an order that a move may set. All are optional."""

    class Meta:
        model = Order
        fields = MOVE_DETAILS


class OrderMoveSerializer(MoveDetailsSerializer):
    """An order to move, and the fields that its move may set."""

    order_id = WholeNumberField(min_value=1, max_value=MAX_INT32)

    class Meta(MoveDetailsSerializer.Meta):
        fields = ("order_id", *MOVE_DETAILS)


class VerbSerializer(ShopSerializer):
    verb = serializers.ChoiceField(choices=tuple(VERBS))


class OrderMovesSerializer(VerbSerializer):
    """A verb, and the orders to move."""

    orders = OrderMoveSerializer(many=True, max_length=MAX_MOVES)  # type: ignore[call-arg]  # of the list


def moves_in(data: Any) -> dict[str, Any]:
    """Return the verb and the moves in a client's data. A row that is refused becomes its exception.

    Raises InvalidInput for the verb and for the list.
    """
    verb: str = checked(VerbSerializer, data)["verb"]
    rows = checked_rows(data.get("orders"), OrderMoveSerializer, MAX_MOVES)
    return {"verb": verb, "moves": [row if isinstance(row, DomainError) else _move_in(row) for row in rows]}


def _move_in(row: dict[str, Any]) -> OrderMove:
    return OrderMove(row.pop("order_id"), row)


class OrderRowSerializer(ShopModelSerializer):
    """An order in the list of a user's orders."""

    url = UrlField("order-detail")

    class Meta:
        model = Order
        fields: tuple[str, ...] = ("id", "total", "status", "url")


@second_version_of(OrderRowSerializer)
class OrderRowV2Serializer(OrderRowSerializer):
    class Meta(OrderRowSerializer.Meta):
        fields = ("id", "total", "status", "version", "url")


class OrderLineSerializer(ShopSerializer):
    product_id = WholeNumberField(min_value=1, max_value=MAX_INT32)
    quantity = WholeNumberField(min_value=1, max_value=MAX_INT32)

    class Meta:
        list_serializer_class = ListOfObjects


class BasketSerializer(ShopSerializer):
    """The lines of a new order; lines of the same product are merged."""

    items = OrderLineSerializer(many=True, allow_empty=False, max_length=MAX_LINES)  # type: ignore[call-arg]  # of the list


def lines_of(basket: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Return a valid basket as (product id, units)."""
    return [(item["product_id"], item["quantity"]) for item in basket["items"]]


class OrderHistorySerializer(ChangeSerializer):
    """A change of an order."""

    class Meta(ChangeSerializer.Meta):
        model = OrderHistory
        read_only_fields = ChangeSerializer.Meta.fields
