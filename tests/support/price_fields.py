"""The fields of changes of prices, and the places that must have them in each protocol."""

from collections.abc import Callable

from catalog.bulk.repricing import PricePreview
from catalog.filters import ProductFilter
from catalog.models import PriceChange
from catalog.price_changes import (
    PercentSerializer,
    PriceChangeSerializer,
    PriceExampleSerializer,
    PricePreviewSerializer,
    RepricingSerializer,
)
from core.lists.filters import filters_of
from protos import product_pb2
from tests.support.protocol_names import (
    LINKS,
    PK,
    Names,
    Place,
    as_arguments,
    columns,
    in_graphql,
    in_openapi,
    in_proto,
    inputs,
    outputs,
)

FILTERED = dict.fromkeys(filters_of(ProductFilter), "a filter, in the query in REST")
PRICE_FIELDS: dict[str, tuple[Callable[[], Names], list[Place]]] = {
    "what a preview of prices takes": (
        lambda: inputs(PercentSerializer),
        [
            as_arguments("previewPrices", **FILTERED),
            in_proto(product_pb2.PreviewPricesRequest, **FILTERED),
            *in_openapi("PercentRequest"),
        ],
    ),
    "what a change of prices takes": (
        lambda: inputs(RepricingSerializer),
        [
            as_arguments("changePrices", **FILTERED, idempotency_key="a header in REST, metadata in gRPC"),
            in_proto(product_pb2.ChangePricesRequest, **FILTERED),
            *in_openapi("RepricingRequest"),
        ],
    ),
    "a change of prices": (
        lambda: outputs(PriceChangeSerializer),
        [
            Place(
                "columns",
                lambda: columns(PriceChange),
                {
                    "after": "the part of the history that has its rows",
                    "last": "the part of the history that has its rows",
                    "busy_until": "until another call may continue it",
                },
            ),
            in_graphql("PriceChange", **PK),
            in_proto(product_pb2.PriceChange),
            *in_openapi("PriceChange", **LINKS),
        ],
    ),
    "a preview of prices": (
        lambda: outputs(PricePreviewSerializer),
        [
            Place("PricePreview", lambda: PricePreview._fields),
            in_graphql("PricePreview"),
            in_proto(product_pb2.PricePreview),
            *in_openapi("PricePreview"),
        ],
    ),
    "a price in a preview": (
        lambda: outputs(PriceExampleSerializer),
        [
            in_graphql("PriceExample"),
            in_proto(product_pb2.PriceExample),
            *in_openapi("PriceExample"),
        ],
    ),
}
