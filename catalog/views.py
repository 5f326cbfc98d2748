"""Products over REST."""

from functools import partial
from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from catalog import openapi
from catalog.actions import change_product, create_product, create_products, delete_product, replace_product
from catalog.feed import facts_of, is_of
from catalog.filters import ProductFilter
from catalog.models import Product
from catalog.permissions import can_edit_products
from catalog.serializers import (
    ProductChangeSerializer,
    ProductDetailSerializer,
    ProductReplacementSerializer,
    ProductRowSerializer,
    ProductSerializer,
)
from ecommerce.batch import checked_rows, outcomes_of
from ecommerce.feed.events import Event
from ecommerce.live.events import EventStream, block
from ecommerce.rest.batch import report
from ecommerce.rest.conditional import unmet_by, validators
from ecommerce.rest.events import EventStreamRenderer, cursor_of, event_stream
from ecommerce.rest.parsers import NDJSONParser, StrictJSONParser, XMLParser
from ecommerce.rest.views import ShopViewSet
from ecommerce.serializers import in_version, money_object

BATCH_PARSERS = [StrictJSONParser, XMLParser, NDJSONParser]


@openapi.products
class ProductViewSet(ShopViewSet):
    queryset = Product.objects.all()
    serializer_class = ProductDetailSerializer
    filterset_class = ProductFilter
    list_name = "products"
    open_to_caches = ("list", "retrieve")
    rules = dict.fromkeys(("create", "update", "partial_update", "destroy", "batch"), can_edit_products)

    def list(self, request: Request) -> Response:
        self.serializer_class = ProductRowSerializer
        return self.page_of(self.get_queryset().for_list())

    def retrieve(self, request: Request, pk: int) -> Response:
        return self._shown(self.get_object())

    def create(self, request: Request) -> Response:
        product = create_product(actor=request.user, values=self.checked(ProductSerializer))
        return self._shown(product, status=201, headers={"Location": self._url(product.pk)})

    def update(self, request: Request, pk: int) -> Response:
        values = self.checked(ProductReplacementSerializer)
        return self._shown(replace_product(values=values, **self._target(pk, values)))

    def partial_update(self, request: Request, pk: int) -> Response:
        changes = self.checked(ProductChangeSerializer, partial=True)
        return self._shown(change_product(changes=changes, **self._target(pk, changes)))

    def destroy(self, request: Request, pk: int) -> Response:
        delete_product(**self._target(pk, {}))
        return Response(status=204)

    @action(
        detail=False,
        methods=["post"],
        parser_classes=[StrictJSONParser, XMLParser, NDJSONParser],
        pagination_class=None,
    )
    def batch(self, request: Request) -> Response:
        rows = checked_rows(request.data, in_version(request.version, ProductSerializer))
        made = create_products(actor=request.user, rows=[row for row in rows if isinstance(row, dict)])
        return Response(report(outcomes_of(rows, made), self._url, request.version))

    @action(detail=False, renderer_classes=[EventStreamRenderer], pagination_class=None)
    def events(self, request: Request) -> EventStream:
        return event_stream(request, partial(is_of, 0), BLOCKS[request.version])

    @action(detail=True, url_path="events", renderer_classes=[EventStreamRenderer])
    def events_of_one(self, request: Request, pk: int) -> EventStream:
        if cursor_of(request) is None or not pk:  # one that is gone still has a past; 0 stands for all
            self.get_object()
        return event_stream(request, partial(is_of, pk), BLOCKS[request.version])

    def _target(self, pk: int, values: dict[str, Any]) -> dict[str, Any]:
        """Who changes which product, from which version."""
        return {
            "actor": self.request.user,
            "product_id": pk,
            "expected_version": values.pop("version", None),
            "condition": unmet_by(self.request),
        }

    def _shown(self, product: Product, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        known_by = validators(self.request, product.pk, product.version, product.updated_at)
        return Response(self.get_serializer(product).data, status=status, headers=known_by | (headers or {}))

    def _url(self, pk: int) -> str:
        return reverse("product-detail", kwargs={"pk": pk}, request=self.request)


def product_block(event: Event) -> bytes:
    return block(event="product", data=facts_of(event), cursor=event.cursor)


def product_block_v2(event: Event) -> bytes:
    facts = facts_of(event)
    price = None if event.price is None else money_object(event.price)
    return block(event="product", data=facts | {"new_price": price}, cursor=event.cursor)


BLOCKS = {"v1": product_block, "v2": product_block_v2}
