"""OpenAPI descriptions of products and categories."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_view
from rest_framework import serializers

from catalog.openapi.price_changes import price_changes
from catalog.serializers import (
    CategorySerializer,
    ProductChangeSerializer,
    ProductDetailSerializer,
    ProductHistorySerializer,
    ProductReplacementSerializer,
    ProductRowSerializer,
    ProductSerializer,
    ReversalSerializer,
    SkuChangeSerializer,
    StockCorrectionSerializer,
)
from core.openapi.documents import CONDITIONAL, header, operation
from core.serializers import second_version_of

__all__ = ["categories", "history", "price_changes", "products"]

URL = "https://shop.example/api/v1/products/7"
SENT = {
    "name": "Breakfast tea, 250 g",
    "description": "Assam and Kenya.",
    "price": 6.5,
    "stock": 40,
    "reorder_level": 5,
    "sku": "TEA-250",
    "category_id": 3,
}
CATEGORY_URL = "https://shop.example/api/v1/categories/3"
CATEGORY_SENT = {"name": "Tea", "slug": "tea", "parent_id": 1}
CATEGORY = {"id": 3, **CATEGORY_SENT, "_links": dict.fromkeys(("self", "update", "delete"), CATEGORY_URL)}
ROW = {"id": 7, "name": SENT["name"], "price": 6.5, "stock": 40, "url": URL}
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
IMAGE = "3f0c1d0a9b7e4c52a86d2f41c5b7e9d0.jpg"
PRODUCT = {
    "id": 7,
    **SENT,
    "image": f"https://shop.example/media/images/{IMAGE}",
    "thumbnail": f"https://shop.example/media/thumbnails/{IMAGE}",
    "version": 1,
    "created_at": "2026-11-22T09:30:00Z",
    "updated_at": "2026-11-22T09:30:00Z",
    "_links": {"self": URL, "update": URL, "delete": URL},
}
CORRECTION_KEY = header(
    "Idempotency-Key",
    "1 to 255 printable ASCII characters; spaces at the ends are ignored. A retry with the same key corrects nothing, "
    "and gets the product as it is now.",
)
UNMODIFIED = header("If-Unmodified-Since", "An HTTP date; 412 if the product has changed since.")
READ_CONDITIONS = [
    *CONDITIONAL,
    header("If-Modified-Since", "An HTTP date; 304 if the product has not changed since."),
    UNMODIFIED,
]
WRITE_CONDITIONS = [
    header("If-Match", "The ETag that the change is based on; 412 if the product has changed since."),
    header("If-None-Match", "An ETag, or `*` for any; 412 if the product has it."),
    UNMODIFIED,
]
VALIDATORS = ("ETag", "Last-Modified")
CHANGE = {
    "id": 4711,
    "kind": "sale",
    "at": "2026-11-22T09:31:00Z",
    "actor_id": 12,
    "protocol": "rest",
    "request_id": "0b9f6a1c5f5e4f5e8f0c5d2b7a9e3c11",
    "reason": "Order 7K3M9Q2XFD",
    "fields": [{"field": "stock", "old": "40", "new": "38"}],
    "units": -2,
    "stock": 38,
}
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
    "description": "A `products` element with a `product` element for each row, as in a list of products.",
}
BATCH_CHANGED = {
    "changed": 1,
    "failed": 1,
    "results": [
        {"index": 0, "status": 200, "id": 7, "url": URL},
        {
            "index": 1,
            "status": 404,
            "error": "Product with SKU TEA-999 not found",
            "code": "not_found",
            "errors": {},
        },
    ],
}
CHANGES_IN_XML = BATCH_IN_XML | {
    "items": {"$ref": "#/components/schemas/SkuChangeRequest", "xml": {"name": "product"}},
}
EVENTS: dict[str, Any] = {
    "answer": OpenApiTypes.STR,
    "media_type": "text/event-stream",
    "description": (
        "A stream of server-sent events. Without a cursor it starts with new changes. `event: product` is a change "
        "(kind created, updated, deleted). `event: reset` means that the cursor is too old and that the stream "
        "continues with new changes. `event: end` is the last event; its data give the reason."
    ),
    "headers": [
        header("Last-Event-ID", "The `id:` of the last event received. The stream resumes after it."),
        OpenApiParameter("last_event_id", str, description="The same, for browsers, which can't send the header."),
    ],
    "got": "retry: 2000\nid: 41\n\nid: 42\nevent: product\n"
    'data: {"product_id":7,"new_price":6.9,"new_stock":40,"timestamp":1795339815,"kind":"updated"}\n\n',
}


class BatchOutcomeSerializer(serializers.Serializer[Any]):
    """The result of one row: the id and URL of the product or order, or the error."""

    index = serializers.IntegerField(help_text="Index of the row in the request, from 0.")
    status = serializers.IntegerField(help_text="201, or the status of a request with only this row.")
    id = serializers.IntegerField(required=False)
    url = serializers.URLField(required=False)
    code = serializers.CharField(required=False, help_text="Error code for programs.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field of the response
        child=serializers.CharField(),
        required=False,
        help_text='One text for each invalid field; in XML, each is `<error field="...">`.',
    )


class BatchRowSerializer(BatchOutcomeSerializer):
    error = serializers.CharField(required=False, help_text="Error message for people.")


class ChangedRowSerializer(BatchRowSerializer):
    status = serializers.IntegerField(help_text="200, or the status of a request with only this row.")


class ChangedBatchSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = ChangedRowSerializer(many=True)


class BatchSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BatchRowSerializer(many=True)


@second_version_of(BatchRowSerializer)
class BatchRowV2Serializer(BatchOutcomeSerializer):
    type = serializers.CharField(required=False, help_text="Link to a description of the code.")
    title = serializers.CharField(required=False, help_text="Error message, the same for every row of this type.")
    detail = serializers.CharField(required=False, help_text="Error message for this row.")


@second_version_of(ChangedRowSerializer)
class ChangedRowV2Serializer(BatchRowV2Serializer):
    status = serializers.IntegerField(help_text="200, or the status of a request with only this row.")


history = extend_schema_view(
    list=operation(
        "listProductHistory",
        "List the changes of a product",
        answer=ProductHistorySerializer(many=True),
        got=CHANGE,
        errors=[304, 403, 412],
        headers=CONDITIONAL,
        description="Every change, manual SQL included, the newest first. Changes with `units` are the stock's ledger: "
        "their sum is the stock. A deleted product keeps its history. For staff.",
    )
)
categories = extend_schema_view(
    list=operation(
        "listCategories",
        "List categories",
        answer=CategorySerializer(many=True),
        got=CATEGORY,
        errors=[304, 412],
        headers=CONDITIONAL,
        description="All categories, by name; `parent_id` makes them a tree.",
    ),
    retrieve=operation(
        "getCategory", "Get a category", answer=CategorySerializer, got=CATEGORY, errors=[304, 412], headers=CONDITIONAL
    ),
    create=operation(
        "createCategory",
        "Create a category",
        request=CategorySerializer,
        sent=CATEGORY_SENT,
        answer=CategorySerializer,
        status=201,
        got=CATEGORY,
        errors=[403, 409],
        description="For staff.",
    ),
    partial_update=operation(
        "updateCategory",
        "Rename or move a category",
        request=CategorySerializer,
        sent={"parent_id": None},
        answer=CategorySerializer,
        got=CATEGORY | {"parent_id": None},
        errors=[403, 409],
        description="Changes only the fields in the request. All categories below move with it. For staff.",
    ),
    destroy=operation(
        "deleteCategory",
        "Delete a category",
        status=204,
        errors=[403, 409],
        description="Only a category without products and without categories below it; else `in_use`. For staff.",
    ),
)
image = extend_schema_view(
    update=operation(
        "setProductImage",
        "Set the image of a product",
        request=dict.fromkeys(IMAGE_TYPES, OpenApiTypes.BINARY),
        answer=ProductDetailSerializer,
        got=PRODUCT | {"version": 4},
        errors=[403, 412],
        headers=WRITE_CONDITIONS,
        response_headers=VALIDATORS,
        description="The body is a JPEG, PNG or WebP file, as it is. Metadata is removed, the orientation is applied, "
        "a large image is scaled down, and a thumbnail is made. For staff.",
    ),
    destroy=operation(
        "removeProductImage",
        "Remove the image of a product",
        status=204,
        errors=[403, 412],
        headers=WRITE_CONDITIONS,
        description="Changes nothing if the product has no image. For staff.",
    ),
)
products = extend_schema_view(
    stock=operation(
        "correctStock",
        "Correct a stock",
        request=StockCorrectionSerializer,
        sent={"units": -3, "reason": "Broken in the warehouse"},
        answer=ProductDetailSerializer,
        got=PRODUCT | {"stock": 37, "version": 2},
        errors=[403, 409],
        headers=[CORRECTION_KEY],
        response_headers=VALIDATORS,
        description="Adds units to the stock or takes them, so sales in between are no conflict. For staff.",
    ),
    revert=operation(
        "revertProduct",
        "Revert a change of a product",
        request=ReversalSerializer,
        sent={"change_id": 4711},
        answer=ProductDetailSerializer,
        got=PRODUCT | {"version": 3},
        errors=[403, 409],
        response_headers=VALIDATORS,
        description="Sets the fields of one change back to their old values. The stock keeps its value. For staff.",
    ),
    events=operation("followProducts", "Follow all products", **EVENTS),
    events_of_one=operation("followProduct", "Follow a product", **EVENTS),
    list=operation(
        "listProducts",
        "List products",
        answer=ProductRowSerializer(many=True),
        got=ROW,
        errors=[304, 412],
        headers=CONDITIONAL,
        description="Search, filter, sort and page through the products. A page past the end is empty.",
    ),
    retrieve=operation(
        "getProduct",
        "Get a product",
        answer=ProductDetailSerializer,
        got=PRODUCT,
        errors=[304, 412],
        headers=READ_CONDITIONS,
        response_headers=VALIDATORS,
    ),
    create=operation(
        "createProduct",
        "Create a product",
        request=ProductSerializer,
        sent=SENT,
        answer=ProductDetailSerializer,
        status=201,
        got=PRODUCT,
        errors=[403, 409],
        response_headers=VALIDATORS,
    ),
    update=operation(
        "replaceProduct",
        "Replace a product",
        request=ProductReplacementSerializer,
        sent=SENT,
        answer=ProductDetailSerializer,
        got=PRODUCT | {"version": 2},
        errors=[403, 409, 412],
        headers=WRITE_CONDITIONS,
        response_headers=VALIDATORS,
        description="Name and price are required. Other missing fields return to their default.",
    ),
    partial_update=operation(
        "updateProduct",
        "Change a product",
        request=ProductChangeSerializer,
        sent={"price": 6.9, "version": 1},
        answer=ProductDetailSerializer,
        got=PRODUCT | {"price": 6.9, "version": 2},
        errors=[403, 409, 412],
        headers=WRITE_CONDITIONS,
        response_headers=VALIDATORS,
        description="Changes only the fields in the request.",
    ),
    destroy=operation(
        "deleteProduct",
        "Delete a product",
        status=204,
        errors=[403, 412],
        headers=WRITE_CONDITIONS,
        description="Orders keep its name, SKU and price as they were when ordered.",
    ),
    batch=operation(
        "batchCreateProducts",
        "Create many products",
        request={
            "application/json": ProductSerializer(many=True),
            "application/xml": BATCH_IN_XML,
            "application/x-ndjson": {"type": "string", "description": "One JSON object per line."},
        },
        sent=SENT,
        answer=BatchSerializer,
        got=BATCH_GOT,
        errors=[403],
        description="Up to 10,000 rows, as a JSON array, as XML or as NDJSON. Each valid row is created.",
    ),
    changes=operation(
        "batchChangeProducts",
        "Change many products by SKU",
        request={
            "application/json": SkuChangeSerializer(many=True),
            "application/xml": CHANGES_IN_XML,
            "application/x-ndjson": {"type": "string", "description": "One JSON object per line."},
        },
        sent={"sku": "TEA-250", "price": 6.9, "add_stock": 40},
        answer=ChangedBatchSerializer,
        got=BATCH_CHANGED,
        errors=[403],
        description="Up to 10,000 rows, as a JSON array, as XML or as NDJSON. Each valid row is changed. Units that "
        "are added are no conflict with sales in between.",
    ),
)
