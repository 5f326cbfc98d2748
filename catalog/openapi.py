"""What the OpenAPI document says of products."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_view
from rest_framework import serializers

from catalog.serializers import (
    ProductChangeSerializer,
    ProductDetailSerializer,
    ProductReplacementSerializer,
    ProductRowSerializer,
    ProductSerializer,
)
from ecommerce.rest.openapi import CONDITIONAL, header, operation
from ecommerce.serializers import second_version_of

URL = "https://shop.example/api/v1/products/7"
SENT = {"name": "Breakfast tea, 250 g", "description": "Assam and Kenya.", "price": 6.5, "stock": 40, "sku": "TEA-250"}
ROW = {"id": 7, "name": SENT["name"], "price": 6.5, "stock": 40, "url": URL}
PRODUCT = {
    "id": 7,
    **SENT,
    "version": 1,
    "created_at": "2026-11-22T09:30:00Z",
    "updated_at": "2026-11-22T09:30:00Z",
    "_links": {"self": URL, "update": URL, "delete": URL},
}
UNMODIFIED = header("If-Unmodified-Since", "An HTTP date; 412 when the product has changed since.")
READ_CONDITIONS = [
    *CONDITIONAL,
    header("If-Modified-Since", "An HTTP date; 304 when the product has not changed since."),
    UNMODIFIED,
]
WRITE_CONDITIONS = [
    header("If-Match", "The ETag that the change was made from; 412 when the product has changed since."),
    header("If-None-Match", "An ETag, or `*` for any; 412 when the product has it."),
    UNMODIFIED,
]
VALIDATORS = ("ETag", "Last-Modified")
BATCH_GOT = {
    "created": 1,
    "failed": 1,
    "results": [
        {"index": 0, "status": 201, "id": 7, "url": URL},
        {
            "index": 1,
            "status": 400,
            "error": "Valid price is required",
            "code": "invalid_input",
            "errors": {"price": "Valid price is required"},
        },
    ],
}
BATCH_IN_XML = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/ProductRequest", "xml": {"name": "product"}},
    "xml": {"name": "products", "wrapped": True},
    "description": "An element `products` that holds a `product` for each row, as a list of products does.",
}
EVENTS = {
    "answer": OpenApiTypes.STR,
    "media_type": "text/event-stream",
    "description": (
        "A stream of server-sent events. Without a cursor it tells what comes from now on. `event: product` is a "
        "change (kind created, updated, deleted); `event: reset` says that the cursor is too old, and the stream goes "
        "on from now; `event: error` says why the stream ends."
    ),
    "headers": [
        header("Last-Event-ID", "The `id:` of the last event that was read: what came since is told first."),
        OpenApiParameter("last_event_id", str, description="The same, for a browser, which can't send the header."),
    ],
    "got": "retry: 2000\nid: 41\n\nid: 42\nevent: product\n"
    'data: {"product_id":7,"new_price":6.9,"new_stock":40,"timestamp":1795339815,"kind":"updated"}\n\n',
}


class BatchOutcomeSerializer(serializers.Serializer):
    """What became of one row: the product's id and URL, or why there is none."""

    index = serializers.IntegerField(help_text="Place in what was sent, from 0.")
    status = serializers.IntegerField(help_text="201, or the status the row alone would have had.")
    id = serializers.IntegerField(required=False)
    url = serializers.URLField(required=False)
    code = serializers.CharField(required=False, help_text="What is wrong, for a program.")
    errors = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text='One text for each field that failed; in XML each is `<error field="...">`.',
    )


class BatchRowSerializer(BatchOutcomeSerializer):
    error = serializers.CharField(required=False, help_text="What is wrong, in words.")


class BatchSerializer(serializers.Serializer):
    created = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BatchRowSerializer(many=True)


class BatchRowV2Serializer(BatchOutcomeSerializer):
    type = serializers.CharField(required=False, help_text="Leads to what the code stands for.")
    title = serializers.CharField(required=False, help_text="What is wrong, the same for every row of this type.")
    detail = serializers.CharField(required=False, help_text="What is wrong here, in words.")


@second_version_of(BatchSerializer)
class BatchV2Serializer(BatchSerializer):
    results = BatchRowV2Serializer(many=True)


products = extend_schema_view(
    events=operation("Follow all products", name="products_events", **EVENTS),
    events_of_one=operation("Follow a product", name="product_events", **EVENTS),
    list=operation(
        "List products",
        answer=ProductRowSerializer(many=True),
        got=ROW,
        errors=[304, 412],
        headers=CONDITIONAL,
        description="Search, narrow, sort and page through the products. A page past the end is empty.",
    ),
    retrieve=operation(
        "Get a product",
        answer=ProductDetailSerializer,
        got=PRODUCT,
        errors=[304, 412],
        headers=READ_CONDITIONS,
        told=VALIDATORS,
    ),
    create=operation(
        "Create a product",
        request=ProductSerializer,
        sent=SENT,
        answer=ProductDetailSerializer,
        status=201,
        got=PRODUCT,
        errors=[403, 409],
        told=VALIDATORS,
    ),
    update=operation(
        "Replace a product",
        request=ProductReplacementSerializer,
        sent=SENT,
        answer=ProductDetailSerializer,
        got=PRODUCT | {"version": 2},
        errors=[403, 409, 412],
        headers=WRITE_CONDITIONS,
        told=VALIDATORS,
        description="Name and price are required; what else is left out returns to its default.",
    ),
    partial_update=operation(
        "Change a product",
        request=ProductChangeSerializer,
        sent={"price": 6.9, "version": 1},
        answer=ProductDetailSerializer,
        got=PRODUCT | {"price": 6.9, "version": 2},
        errors=[403, 409, 412],
        headers=WRITE_CONDITIONS,
        told=VALIDATORS,
        description="Changes what is sent, and nothing else.",
    ),
    destroy=operation(
        "Delete a product",
        status=204,
        errors=[403, 412],
        headers=WRITE_CONDITIONS,
        description="Orders that name it keep the name, the SKU and the price it had.",
    ),
    batch=operation(
        "Create many products",
        request={
            "application/json": ProductSerializer(many=True),
            "application/xml": BATCH_IN_XML,
            "application/x-ndjson": {"type": "string", "description": "One JSON object a line."},
        },
        sent=SENT,
        answer=BatchSerializer,
        got=BATCH_GOT,
        errors=[403],
        description="Up to 10,000 rows, as a JSON array, as XML or as NDJSON. Each valid row is created.",
    ),
)
