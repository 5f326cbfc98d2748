"""Products and categories over REST."""

from functools import partial
from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import openapi
from catalog.actions import (
    change_product,
    correct_stock,
    create_product,
    create_products,
    delete_product,
    remove_product_image,
    replace_product,
    revert_product,
    set_product_image,
)
from catalog.bulk.by_sku import change_products_by_sku
from catalog.bulk.repricing import change_prices, preview_prices, undo_price_change
from catalog.categories import change_category, create_category, delete_category
from catalog.feed import is_of, product_facts
from catalog.filters import ProductFilter, ProductHistoryFilter
from catalog.models import Category, PriceChange, Product, ProductHistory
from catalog.price_changes import (
    PercentSerializer,
    PriceChangeSerializer,
    PricePreviewSerializer,
    RepricingSerializer,
    repricing_of,
)
from catalog.querysets import BY_NAME
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
from core.batch import checked_rows, outcomes_of
from core.history.serializers import HISTORY
from core.models import Event
from core.permissions import guarded_by
from core.protocols.live.events import EventStream, block
from core.protocols.rest.batch import batch_body
from core.protocols.rest.conditional import precondition_of
from core.protocols.rest.events import EventStreamRenderer, event_stream, sent_cursor
from core.protocols.rest.links import links_in
from core.protocols.rest.parsers import BytesParser, ImageParser, NDJSONParser, StrictJSONParser, XMLParser
from core.protocols.rest.versions import V1
from core.protocols.rest.views import ShopViewSet
from core.serializers import SerializerClass, in_version, money_object

BATCH_PARSERS = [StrictJSONParser, XMLParser, NDJSONParser]


@openapi.products
class ProductViewSet(ShopViewSet):
    queryset = Product.objects.all()
    serializer_class: SerializerClass = ProductDetailSerializer
    row_serializer_class = ProductRowSerializer
    sends_validators = True
    filterset_class = ProductFilter
    list_name = "products"
    open_to_caches = ("list", "retrieve")

    @guarded_by(create_product)
    def create(self, request: Request) -> Response:
        product = create_product(actor=request.user, values=self.checked(ProductSerializer))
        return self.shown(product, status=201, headers={"Location": self._url(product.pk)})

    @guarded_by(replace_product)
    def update(self, request: Request, pk: int) -> Response:
        values = self.checked(ProductReplacementSerializer)
        return self.shown(replace_product(values=values, **target_of(request, pk, values)))

    @guarded_by(change_product)
    def partial_update(self, request: Request, pk: int) -> Response:
        changes = self.checked(ProductChangeSerializer, partial=True)
        return self.shown(change_product(changes=changes, **target_of(request, pk, changes)))

    @guarded_by(delete_product)
    def destroy(self, request: Request, pk: int) -> Response:
        delete_product(**target_of(request, pk, {}))
        return Response(status=204)

    @action(detail=True, methods=["post"])
    @guarded_by(correct_stock)
    def stock(self, request: Request, pk: int) -> Response:
        values = self.checked(StockCorrectionSerializer)
        key = request.headers.get("Idempotency-Key")
        return self.shown(correct_stock(actor=request.user, product_id=pk, key=key, **values))

    @action(detail=True, methods=["post"])
    @guarded_by(revert_product)
    def revert(self, request: Request, pk: int) -> Response:
        values = self.checked(ReversalSerializer)
        return self.shown(revert_product(actor=request.user, product_id=pk, **values))

    @action(
        detail=False,
        methods=["post"],
        parser_classes=BATCH_PARSERS,
        pagination_class=None,
    )
    @guarded_by(create_products)
    def batch(self, request: Request) -> Response:
        rows = checked_rows(request.data, in_version(request.version, ProductSerializer))
        made = create_products(actor=request.user, rows=[row for row in rows if isinstance(row, dict)])
        return Response(batch_body(outcomes_of(rows, made), links_in(request)("product-detail"), request.version))

    @action(detail=False, methods=["post"], parser_classes=BATCH_PARSERS, pagination_class=None)
    @guarded_by(change_products_by_sku)
    def changes(self, request: Request) -> Response:
        rows = checked_rows(request.data, in_version(request.version, SkuChangeSerializer))
        made = change_products_by_sku(actor=request.user, rows=[row for row in rows if isinstance(row, dict)])
        link, outcomes = links_in(request)("product-detail"), outcomes_of(rows, made)
        return Response(batch_body(outcomes, link, request.version, done="changed", status=200))

    @action(detail=False, renderer_classes=[EventStreamRenderer], pagination_class=None)
    def events(self, request: Request) -> EventStream:
        return event_stream(request, partial(is_of, 0), BLOCKS[request.version or V1])

    @action(detail=True, url_path="events", renderer_classes=[EventStreamRenderer])
    def events_of_one(self, request: Request, pk: int) -> EventStream:
        # With a cursor, a deleted product still has past events; 0 means all.
        if sent_cursor(request) is None or not pk:
            self.get_object()
        return event_stream(request, partial(is_of, pk), BLOCKS[request.version or V1])

    def _url(self, pk: int) -> str:
        before, after = links_in(self.request)("product-detail")
        return f"{before}{pk}{after}"


@openapi.image
class ProductImageViewSet(ShopViewSet):
    queryset = Product.objects.all()
    serializer_class = ProductDetailSerializer
    sends_validators = True
    list_name = "products"
    parser_classes = [ImageParser, BytesParser]

    @guarded_by(set_product_image)
    def update(self, request: Request, pk: int) -> Response:
        content = request.data if isinstance(request.data, bytes) else b""  # no body
        return self.shown(set_product_image(content=content, **target_of(request, pk, {})))

    @guarded_by(remove_product_image)
    def destroy(self, request: Request, pk: int) -> Response:
        remove_product_image(**target_of(request, pk, {}))
        return Response(status=204)


@openapi.history
class ProductHistoryViewSet(ShopViewSet):
    queryset = ProductHistory.objects.all()
    serializer_class = ProductHistorySerializer
    filterset_class = ProductHistoryFilter
    list_name = "changes"

    def list(self, request: Request, pk: int) -> Response:  # type: ignore[override]  # the path has the product's id
        return self.page_of(ProductHistory.objects.of(request.user, pk))


@openapi.price_changes
class PriceChangeViewSet(ShopViewSet):
    queryset = HISTORY.applied(PriceChange.objects.all())
    serializer_class: SerializerClass = PriceChangeSerializer
    list_name = "price_changes"

    @guarded_by(change_prices)
    def create(self, request: Request) -> Response:
        key = request.headers.get("Idempotency-Key")
        change = change_prices(actor=request.user, key=key, **self._repricing(RepricingSerializer))
        before, after = links_in(request)("price-change-detail")
        return self.shown(change, status=201, headers={"Location": f"{before}{change.pk}{after}"})

    @action(detail=False, methods=["post"], pagination_class=None)
    @guarded_by(preview_prices)
    def preview(self, request: Request) -> Response:
        preview = preview_prices(actor=request.user, **self._repricing(PercentSerializer))
        return Response(in_version(request.version, PricePreviewSerializer)(preview).data)

    @action(detail=True, methods=["post"])
    @guarded_by(undo_price_change)
    def undo(self, request: Request, pk: int) -> Response:
        return self.shown(undo_price_change(actor=request.user, price_change_id=pk))

    def _repricing(self, serializer_class: SerializerClass) -> dict[str, Any]:
        filters = self.request.query_params
        return repricing_of(serializer_class, caller=self.request.user, data=self.request.data, filters=filters)


@openapi.categories
class CategoryViewSet(ShopViewSet):
    queryset = BY_NAME.applied(Category.objects.all())
    serializer_class: SerializerClass = CategorySerializer
    list_name = "categories"
    open_to_caches = ("list", "retrieve")

    @guarded_by(create_category)
    def create(self, request: Request) -> Response:
        category = create_category(actor=request.user, values=self.checked(CategorySerializer))
        before, after = links_in(request)("category-detail")
        return self.shown(category, status=201, headers={"Location": f"{before}{category.pk}{after}"})

    @guarded_by(change_category)
    def partial_update(self, request: Request, pk: int) -> Response:
        changes = self.checked(CategorySerializer, partial=True)
        return self.shown(change_category(actor=request.user, category_id=pk, changes=changes))

    @guarded_by(delete_category)
    def destroy(self, request: Request, pk: int) -> Response:
        delete_category(actor=request.user, category_id=pk)
        return Response(status=204)


def target_of(request: Request, pk: int, values: dict[str, Any]) -> dict[str, Any]:
    """Return the caller, the product, the expected version and the conditions of a write."""
    return {
        "actor": request.user,
        "product_id": pk,
        "expected_version": values.pop("version", None),
        "condition": precondition_of(request),
    }


def product_block(event: Event) -> bytes:
    return block(event="product", data=product_facts(event), cursor=event.cursor)


def product_block_v2(event: Event) -> bytes:
    facts = product_facts(event)
    price = None if event.price is None else money_object(event.price)
    return block(event="product", data=facts | {"new_price": price}, cursor=event.cursor)


BLOCKS = {"v1": product_block, "v2": product_block_v2}
