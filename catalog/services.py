"""Products over gRPC."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import transaction

from catalog.actions import change_product, create_product, create_products, delete_product
from catalog.errors import InvalidProduct, ProductNotFound
from catalog.feed import facts_of, is_of
from catalog.filters import ProductFilter
from catalog.live import set_price
from catalog.models import Product
from catalog.permissions import can_edit_products
from catalog.querysets import SORT_KEYS, ProductQuerySet
from catalog.serializers import ProductChangeSerializer, ProductSerializer
from ecommerce.batch import MAX_ROWS, checked_rows, outcomes_of
from ecommerce.errors import DomainError, InvalidInput, TooLarge
from ecommerce.feed.events import Event
from ecommerce.filters import filtered
from ecommerce.keyset import sort_of
from ecommerce.rpc.messages import MessageSerializer, data_of
from ecommerce.rpc.pages import page_of
from ecommerce.rpc.rows import in_batches, spooled
from ecommerce.rpc.service import Service
from ecommerce.rpc.streams import CURSOR, Exchange
from ecommerce.serializers import checked
from protos import product_pb2 as pb

NEWEST_FIRST = "-created_at"
MAX_FAILURES_WITH_FIELDS = 1_000


class ProductMessage(MessageSerializer, ProductSerializer):
    class Meta(ProductSerializer.Meta):
        proto_class = pb.Product


class ProductService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["ProductService"]
    queryset = Product.objects.all()
    serializer_class = ProductMessage
    not_found = ProductNotFound
    web_sockets = {"LivePriceUpdates": "/ws/prices"}
    rules = dict.fromkeys(("CreateProduct", "UpdateProduct", "DeleteProduct", "BatchCreateProducts"), can_edit_products)

    def GetProduct(self, request: Any, context: Any) -> pb.GetProductResponse:
        return pb.GetProductResponse(product=ProductMessage.of(self.get_object()))

    def ListProducts(self, request: Any, context: Any) -> pb.ListProductsResponse:
        sort = sort_of(request.sort_by, SORT_KEYS, NEWEST_FIRST)
        page = page_of(sort.applied(self._found(request)), request)
        return pb.ListProductsResponse(products=map(ProductMessage.of, page.rows), **page.counts)

    def CreateProduct(self, request: Any, context: Any) -> pb.CreateProductResponse:
        with invalid_product():
            product = create_product(actor=self.caller, values=checked(ProductSerializer, data_of(request)))
        return pb.CreateProductResponse(product=ProductMessage.of(product))

    def UpdateProduct(self, request: Any, context: Any) -> pb.UpdateProductResponse:
        data = data_of(request)
        data["version"] = data.pop("expected_version", None)
        with invalid_product(version="expected_version"):
            changes = checked(ProductChangeSerializer, _given(data), partial=True)
            expected = changes.pop("version", None)
            product = change_product(
                actor=self.caller, product_id=request.id, changes=changes, expected_version=expected
            )
        return pb.UpdateProductResponse(product=ProductMessage.of(product))

    def DeleteProduct(self, request: Any, context: Any) -> pb.DeleteProductResponse:
        delete_product(actor=self.caller, product_id=request.id)
        return pb.DeleteProductResponse(success=True)

    def WatchProducts(self, request: Any, context: Any) -> Exchange:
        after = request.after or self.metadata.get(CURSOR)
        if request.id and not after:  # one that is gone still has a past
            self.get_object()
        return Exchange(match=partial(is_of, request.id), write=product_update, after=after)

    def LivePriceUpdates(self, requests: Any, context: Any) -> Exchange:
        after = self.metadata.get(CURSOR)
        return Exchange(
            match=partial(is_of, 0), write=product_update, after=after, reply=self._set_price, refused=refused_update
        )

    def BatchCreateProducts(self, requests: Any, context: Any) -> pb.BatchCreateResponse:
        if not self._is_all_or_none():
            return self._created(requests)
        with spooled(requests, pb.CreateProductRequest, limit=MAX_ROWS) as rows, transaction.atomic():
            answer = self._created(rows)
            if answer.failures:
                transaction.set_rollback(True)
                answer.created_count = 0
        return answer

    def _is_all_or_none(self) -> bool:
        word = self.metadata.get("batch-atomic", "batch")
        if word not in ("batch", "call"):
            raise InvalidInput(fields={"batch-atomic": "batch-atomic must be batch or call"})
        return word == "call"

    def _created(self, requests: Iterator[pb.CreateProductRequest]) -> pb.BatchCreateResponse:
        """Add row after row, in batches of a transaction each."""
        answer = pb.BatchCreateResponse()
        for start, messages in in_batches(requests, limit=MAX_ROWS):
            self.check_is_awaited()
            rows = checked_rows([data_of(message) for message in messages], ProductSerializer)
            made = create_products(actor=self.caller, rows=[row for row in rows if isinstance(row, dict)])
            _report(answer, start, outcomes_of(rows, made))
        if not answer.created_count and not answer.failures:
            raise InvalidInput(f"A stream of 1 to {MAX_ROWS} rows is expected")
        if next(requests, None) is not None:
            _report(answer, MAX_ROWS, [TooLarge(f"A call has at most {MAX_ROWS} rows: the rest was not looked at")])
        return answer

    def _set_price(self, update: pb.ProductUpdate) -> None:
        set_price(headers=self.metadata, address=self.address, product_id=update.product_id, price=update.new_price)

    def _found(self, request: Any) -> ProductQuerySet:
        data = data_of(request)
        params = {name: data[name] for name in ("q", "min_price", "max_price", "in_stock") if data.get(name, "") != ""}
        queryset = self.get_queryset()
        return filtered(ProductFilter, params, queryset) if params else queryset  # building a filter takes a while


@contextmanager
def invalid_product(**names: str) -> Iterator[None]:
    """Say `Invalid product data` of what was sent; `names` renames its fields."""
    try:
        yield
    except InvalidInput as refusal:
        fields = {names.get(field, field): text for field, text in refusal.fields.items()}
        raise InvalidProduct("Invalid product data", fields=fields) from refusal


def _given(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def product_update(event: Event) -> pb.ProductUpdate:
    return pb.ProductUpdate(**facts_of(event), cursor=event.cursor)


def refused_update(update: pb.ProductUpdate, refusal: DomainError) -> pb.ProductUpdate:
    """Return what the sender alone is told."""
    return pb.ProductUpdate(product_id=update.product_id, error_code=refusal.code, error_message=refusal.message)


def _report(answer: pb.BatchCreateResponse, start: int, outcomes: list[Any]) -> None:
    for index, outcome in enumerate(outcomes, start):
        if not isinstance(outcome, DomainError):
            answer.created_count += 1
            continue
        # A client takes 4 MiB by default: 10,000 failures with every field would be more.
        fields = outcome.fields if len(answer.failures) < MAX_FAILURES_WITH_FIELDS else {}
        answer.failures.add(index=index, code=outcome.code, message=outcome.message, fields=fields)
