"""OpenAPI descriptions of changes of many prices."""

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema_view

from catalog.filters import ProductFilter
from catalog.price_changes import (
    PercentSerializer,
    PriceChangeSerializer,
    PricePreviewSerializer,
    RepricingSerializer,
)
from core.lists.filters import AmountFilter, filters_of
from core.openapi.documents import CONDITIONAL, IDEMPOTENCY_KEY, operation

URL = "https://shop.example/api/v1/price-changes/31"
EXAMPLE = {
    "product_id": 7,
    "sku": "TEA-250",
    "name": "Breakfast tea, 250 g",
    "price": 6.5,
    "new_price": 7.15,
    "problem": "",
}
PREVIEW = {
    "percent": 10.0,
    "matched": 4,
    "changed": 4,
    "unchanged": 0,
    "refused": 0,
    "as_of": "4711",
    "examples": [EXAMPLE],
    "refusals": [],
}
CHANGE = {
    "id": 31,
    "actor_id": 1,
    "created_at": "2026-11-22T09:40:00Z",
    "percent": 10.0,
    "matched": 4,
    "changed": 4,
    "unchanged": 0,
    "refused": 0,
    "stale": 0,
    "applied_at": "2026-11-22T09:40:01Z",
    "undone_at": None,
    "restored": None,
    "left_ids": [],
    "_links": {"self": URL, "undo": f"{URL}/undo"},
}
UNDONE = CHANGE | {"undone_at": "2026-11-22T09:50:00Z", "restored": 3, "left_ids": [7]}


def _parameter(name: str, one: django_filters.Filter) -> OpenApiParameter:
    kind = float if isinstance(one, AmountFilter) else bool if isinstance(one, django_filters.BooleanFilter) else str
    return OpenApiParameter(name, kind, description=one.extra["help_text"])


FILTERS = [_parameter(name, one) for name, one in filters_of(ProductFilter).items()]
price_changes = extend_schema_view(
    list=operation(
        "listPriceChanges",
        "List changes of prices",
        answer=PriceChangeSerializer(many=True),
        got=CHANGE,
        errors=[304, 403, 412],
        headers=CONDITIONAL,
        description="The newest first. For staff.",
    ),
    retrieve=operation(
        "getPriceChange",
        "Get a change of prices",
        answer=PriceChangeSerializer,
        got=CHANGE,
        errors=[304, 403, 412],
        headers=CONDITIONAL,
        description="For staff.",
    ),
    create=operation(
        "changePrices",
        "Change the prices of all products of a filter",
        request=RepricingSerializer,
        sent={"percent": 10, "as_of": "4711"},
        answer=PriceChangeSerializer,
        status=201,
        got=CHANGE,
        errors=[403, 409],
        headers=[*FILTERS, IDEMPOTENCY_KEY],
        description="The query has the filters of the list of products; without any, all products change. At most "
        "50,000. An unknown parameter is refused. The history of each product has its old and new price. For staff.",
    ),
    preview=operation(
        "previewPrices",
        "Preview a change of prices",
        request=PercentSerializer,
        sent={"percent": 10},
        answer=PricePreviewSerializer,
        got=PREVIEW,
        errors=[403],
        headers=FILTERS,
        description="Nothing is changed. Takes the same filters as the change. For staff.",
    ),
    undo=operation(
        "undoPriceChange",
        "Undo a change of prices",
        answer=PriceChangeSerializer,
        got=UNDONE,
        errors=[403, 409],
        description="Gives each product that still has the new price its old price back. Once. For staff.",
    ),
)
