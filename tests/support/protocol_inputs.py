"""The inputs of the actions on products and orders, and the places that must have them in each protocol."""

from collections.abc import Callable

from catalog.serializers import (
    ProductImageSerializer,
    ProductVersionSerializer,
    ReversalSerializer,
    SkuChangeSerializer,
    StockCorrectionSerializer,
)
from orders.serializers import (
    BasketSerializer,
    MoveDetailsSerializer,
    OrderLineSerializer,
    OrderMoveSerializer,
    OrderMovesSerializer,
)
from protos import order_pb2, product_pb2
from tests.support.protocol_filters import TARGET
from tests.support.protocol_names import Names, Place, as_arguments, in_graphql, in_openapi, in_proto, inputs

NAMED_VERSION = {"version": "named expected_version", "expected_version": "the version"}
PRODUCT_INPUTS: dict[str, tuple[Callable[[], Names], list[Place]]] = {
    "a change by SKU": (
        lambda: inputs(SkuChangeSerializer),
        [
            in_graphql("SkuChange"),
            in_proto(product_pb2.SkuChange),
            *in_openapi("SkuChangeRequest"),
        ],
    ),
    "a correction of a stock": (
        lambda: inputs(StockCorrectionSerializer),
        [
            as_arguments("correctStock", **TARGET, idempotency_key="a header in REST, metadata in gRPC"),
            in_proto(product_pb2.CorrectStockRequest, **TARGET),
            *in_openapi("StockCorrectionRequest"),
        ],
    ),
    "a change to revert": (
        lambda: inputs(ReversalSerializer),
        [
            as_arguments("revertProduct", **TARGET),
            in_proto(product_pb2.RevertProductRequest, **TARGET),
            *in_openapi("ReversalRequest"),
        ],
    ),
    "a removal of an image": (
        lambda: inputs(ProductVersionSerializer),
        [
            as_arguments("removeProductImage", **TARGET, **NAMED_VERSION),
            in_proto(product_pb2.RemoveProductImageRequest, **TARGET, **NAMED_VERSION),
        ],
    ),
    "an image of a product": (
        lambda: inputs(ProductImageSerializer),
        [
            as_arguments("setProductImage", **TARGET, **NAMED_VERSION),
            in_proto(product_pb2.SetProductImageRequest, **TARGET, **NAMED_VERSION),
        ],
    ),
}
ORDER_INPUTS: dict[str, tuple[Callable[[], Names], list[Place]]] = {
    "an order to place": (
        lambda: inputs(BasketSerializer),
        [
            as_arguments("placeOrder", idempotency_key="a header in REST, metadata in gRPC"),
            in_proto(order_pb2.PlaceOrderRequest),
            *in_openapi("BasketRequest"),
        ],
    ),
    "the details of a move": (
        lambda: inputs(MoveDetailsSerializer),
        [
            as_arguments("shipOrder", id="in the path in REST"),
            in_proto(order_pb2.ShipOrderRequest, id="in the path in REST"),
            *in_openapi("MoveDetailsRequest"),
        ],
    ),
    "an order to move": (
        lambda: inputs(OrderMoveSerializer),
        [
            in_graphql("OrderMove"),
            in_proto(order_pb2.OrderMove),
            *in_openapi("OrderMoveRequest"),
        ],
    ),
    "the moves of many orders": (
        lambda: inputs(OrderMovesSerializer),
        [
            as_arguments("batchMoveOrders", idempotency_key="a header in REST, metadata in gRPC"),
            in_proto(order_pb2.BatchMoveRequest),
            *in_openapi("OrderMovesRequest"),
        ],
    ),
    "a line to order": (
        lambda: inputs(OrderLineSerializer),
        [
            in_graphql("OrderItemInput"),
            in_proto(order_pb2.OrderItemInput),
            *in_openapi("OrderLineRequest"),
        ],
    ),
}
