"""What the OpenAPI document says of orders."""

from drf_spectacular.utils import extend_schema_view

from ecommerce.rest.openapi import CONDITIONAL, header, operation
from orders.serializers import BasketSerializer, OrderRowSerializer, OrderSerializer

URL = "https://shop.example/api/v1/orders/31"
ORDER = {
    "id": 31,
    "number": "7K3M9Q2XFD",
    "user_id": 12,
    "status": "pending",
    "total": 13.0,
    "version": 1,
    "created_at": "2026-11-22T09:31:00Z",
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
ROW = {"id": 31, "total": 13.0, "status": "pending", "url": URL}
KEY = header("Idempotency-Key", "1 to 255 printable ASCII characters. Sent again, the first answer is given again.")


def _move(verb: str, status: str, description: str) -> object:
    return operation(
        f"{verb} an order",
        answer=OrderSerializer,
        got=ORDER | {"status": status, "version": 2},
        errors=[403, 409],
        description=description,
    )


orders = extend_schema_view(
    list=operation(
        "List orders",
        answer=OrderSerializer(many=True),
        got=ORDER,
        errors=[304, 412],
        headers=CONDITIONAL,
        description="One's own orders; all of them for staff. The newest come first.",
    ),
    retrieve=operation("Get an order", answer=OrderSerializer, got=ORDER, errors=[304, 412], headers=CONDITIONAL),
    create=operation(
        "Place an order",
        request=BasketSerializer,
        sent={"items": [{"product_id": 7, "quantity": 2}]},
        answer=OrderSerializer,
        status=201,
        got=ORDER,
        errors=[409],
        headers=[KEY],
        description="Takes the stock and records the order, or does neither.",
    ),
    cancel=_move("Cancel", "cancelled", "From pending or paid, by its owner or staff; the stock is given back."),
    pay=_move("Pay", "paid", "From pending, by staff."),
    ship=_move("Ship", "shipped", "From paid, by staff."),
    deliver=_move("Deliver", "delivered", "From shipped, by staff."),
    refund=_move("Refund", "refunded", "From paid, shipped or delivered, by staff; the stock stays as it is."),
)
user_orders = extend_schema_view(
    list=operation(
        "List a user's orders",
        answer=OrderRowSerializer(many=True),
        got=ROW,
        errors=[304, 412],
        headers=CONDITIONAL,
    )
)
