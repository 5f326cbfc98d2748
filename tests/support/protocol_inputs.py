"""The inputs of the actions on one product, and the places that must have them in each protocol."""

from collections.abc import Callable

from catalog.serializers import (
    ProductImageSerializer,
    ProductVersionSerializer,
    ReversalSerializer,
    SkuChangeSerializer,
    StockCorrectionSerializer,
)
from protos import product_pb2
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
            as_arguments("correctStock", **TARGET),
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
