"""OpenAPI descriptions of orders."""

from typing import Any

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers

from catalog.openapi import ChangedRowSerializer
from core.openapi.documents import CONDITIONAL, IDEMPOTENCY_KEY, operation
from orders.serializers import (
    BasketSerializer,
    MoveDetailsSerializer,
    OrderHistorySerializer,
    OrderMovesSerializer,
    OrderRowSerializer,
    OrderSerializer,
)
from orders.transitions import VERBS, Verb

URL = "https://shop.example/api/v1/orders/31"
ORDER = {
    "id": 31,
    "number": "7K3M9Q2XFD",
    "user_id": 12,
    "status": "pending",
    "total": 13.0,
    "version": 1,
    "created_at": "2026-11-22T09:31:00Z",
    "carrier": None,
    "tracking_number": None,
    "items": [
        {
            "product_id": 7,
            "sku": "TEA-250",
            "name": "Breakfast tea, 250 g",
            "unit_price": 6.5,
            "quantity": 2,
            "line_total": 13.0,
        }
    ],
    "_links": {"self": URL, "cancel": f"{URL}/cancel"},
}
SENT = {"carrier": "DHL", "tracking_number": "00340434161094042557"}
MOVED = {
    "moved": 1,
    "failed": 1,
    "results": [
        {"index": 0, "status": 200, "id": 31, "url": URL},
        {"index": 1, "status": 404, "error": "Order 999 not found", "code": "not_found", "errors": {}},
    ],
}
ROW = {"id": 31, "total": 13.0, "status": "pending", "url": URL}


class MovedBatchSerializer(serializers.Serializer[Any]):
    moved = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = ChangedRowSerializer(many=True)


def _move(name: str, verb: Verb) -> object:
    details = {name: SENT[name] for name in verb.details if name in SENT}
    return operation(
        f"{name}Order",
        f"{name.capitalize()} an order",
        request=MoveDetailsSerializer if verb.details else None,
        sent=details or None,
        answer=OrderSerializer,
        got=ORDER | {"status": verb.target.value, "version": 2} | details,
        errors=[403, 409],
        description=verb.condition,
    )


orders = extend_schema_view(
    list=operation(
        "listOrders",
        "List orders",
        answer=OrderSerializer(many=True),
        got=ORDER,
        errors=[304, 412],
        headers=CONDITIONAL,
        description="The caller's own orders; for staff, all orders. Newest first.",
    ),
    retrieve=operation(
        "getOrder", "Get an order", answer=OrderSerializer, got=ORDER, errors=[304, 412], headers=CONDITIONAL
    ),
    create=operation(
        "placeOrder",
        "Place an order",
        request=BasketSerializer,
        sent={"items": [{"product_id": 7, "quantity": 2}]},
        answer=OrderSerializer,
        status=201,
        got=ORDER,
        errors=[409],
        headers=[IDEMPOTENCY_KEY],
        description="Takes the stock and records the order, or does neither.",
    ),
    **{name: _move(name, verb) for name, verb in VERBS.items()},
    moves=operation(
        "batchMoveOrders",
        "Move many orders",
        request=OrderMovesSerializer,
        sent={"verb": "ship", "orders": [{"order_id": 31} | SENT, {"order_id": 999}]},
        answer=MovedBatchSerializer,
        got=MOVED,
        errors=[409],
        headers=[IDEMPOTENCY_KEY],
        description="Up to 500 orders and one verb. Each order that may be moved is moved, with the verb's rights; "
        "each other order is refused, with the code of the single verb.",
    ),
)
history = extend_schema_view(
    list=operation(
        "listOrderHistory",
        "List the changes of an order",
        answer=OrderHistorySerializer(many=True),
        got={
            "id": 815,
            "kind": "pay",
            "at": "2026-11-22T09:40:00Z",
            "actor_id": 1,
            "protocol": "admin",
            "request_id": "0b9f6a1c5f5e4f5e8f0c5d2b7a9e3c11",
            "reason": "Order 7K3M9Q2XFD",
            "fields": [{"field": "status", "old": "pending", "new": "paid"}],
        },
        errors=[304, 403, 412],
        headers=CONDITIONAL,
        description="Every change, manual SQL included, the newest first. For staff.",
    )
)
user_orders = extend_schema_view(
    list=operation(
        "listUserOrders",
        "List a user's orders",
        answer=OrderRowSerializer(many=True),
        got=ROW,
        errors=[304, 412],
        headers=CONDITIONAL,
    )
)
