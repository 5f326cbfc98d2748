"""Products and categories over gRPC."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import transaction

from catalog.actions import (
    change_product,
    correct_stock,
    create_product,
    create_products,
    delete_product,
    remove_product_image,
    revert_product,
    set_product_image,
)
from catalog.bulk.by_sku import change_products_by_sku
from catalog.bulk.repricing import change_prices, preview_prices, undo_price_change
from catalog.categories import change_category, create_category, delete_category
from catalog.errors import InvalidProduct
from catalog.feed import is_of, product_facts
from catalog.filters import ProductFilter, ProductHistoryFilter
from catalog.live import PRICES_PATH, set_price
from catalog.models import Category, PriceChange, Product, ProductHistory
from catalog.price_changes import (
    PercentSerializer,
    PriceChangeSerializer,
    PricePreviewSerializer,
    RepricingSerializer,
    repricing_of,
)
from catalog.querysets import BY_NAME, SORT_KEYS
from catalog.serializers import (
    CategorySerializer,
    ProductChangeSerializer,
    ProductHistorySerializer,
    ProductSerializer,
    ProductVersionSerializer,
    ReversalSerializer,
    SkuChangeSerializer,
    StockCorrectionSerializer,
)
from core.batch import MAX_ROWS, checked_rows, outcomes_of
from core.errors import BadParameters, DomainError, InvalidInput, TooLarge
from core.faults import as_domain_error
from core.history.serializers import HISTORY
from core.lists.keyset import NEWEST_FIRST, sort_of
from core.models import Event
from core.permissions import guarded_by
from core.protocols.rpc.caller import CallContext
from core.protocols.rpc.messages import MessageSerializer, data_of
from core.protocols.rpc.pages import QuerysetRows, filters_in, found_by, list_response, page_request_of
from core.protocols.rpc.rows import in_batches, spooled
from core.protocols.rpc.service import Service
from core.protocols.rpc.stream_spec import CURSOR, StreamSpec
from core.serializers import SerializerClass, checked
from protos import product_pb2 as pb

MAX_FAILURES_WITH_FIELDS = 1_000


class ProductMessage(MessageSerializer, ProductSerializer):
    class Meta(ProductSerializer.Meta):
        proto_class = pb.Product


class CategoryMessage(MessageSerializer, CategorySerializer):
    class Meta(CategorySerializer.Meta):
        proto_class = pb.Category


class ProductHistoryMessage(MessageSerializer, ProductHistorySerializer):
    class Meta(ProductHistorySerializer.Meta):
        proto_class = pb.ProductHistory


class PriceChangeMessage(MessageSerializer, PriceChangeSerializer):
    class Meta(PriceChangeSerializer.Meta):
        proto_class = pb.PriceChange


class ProductService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["ProductService"]
    queryset = Product.objects.all()
    serializer_class = ProductMessage
    web_sockets = {"LivePriceUpdates": PRICES_PATH}

    def GetProduct(self, request: pb.GetProductRequest, context: CallContext) -> pb.GetProductResponse:
        return pb.GetProductResponse(product=self.found())

    def ListProducts(self, request: pb.ListProductsRequest, context: CallContext) -> pb.ListProductsResponse:
        bad = BadParameters()
        with bad:
            sort = sort_of(request.sort_by, SORT_KEYS, NEWEST_FIRST)
        with bad:
            listed = self.listed(ProductFilter)
        with bad:
            page = page_request_of(request)
        bad.check()
        return list_response(pb.ListProductsResponse, listed, sort, page)

    @guarded_by(create_product)
    def CreateProduct(self, request: pb.CreateProductRequest, context: CallContext) -> pb.CreateProductResponse:
        with invalid_product():
            product = create_product(actor=self.caller, values=checked(ProductSerializer, data_of(request)))
        return pb.CreateProductResponse(product=ProductMessage.of(product))

    @guarded_by(change_product)
    def UpdateProduct(self, request: pb.UpdateProductRequest, context: CallContext) -> pb.UpdateProductResponse:
        data = data_of(request)
        data["version"] = data.pop("expected_version", None)
        with invalid_product(version="expected_version"):
            changes = checked(ProductChangeSerializer, _given(data), partial=True)
            expected = changes.pop("version", None)
            product = change_product(
                actor=self.caller, product_id=request.id, changes=changes, expected_version=expected
            )
        return pb.UpdateProductResponse(product=ProductMessage.of(product))

    @guarded_by(delete_product)
    def DeleteProduct(self, request: pb.DeleteProductRequest, context: CallContext) -> pb.DeleteProductResponse:
        delete_product(actor=self.caller, product_id=request.id)
        return pb.DeleteProductResponse(success=True)

    @guarded_by(correct_stock)
    def CorrectStock(self, request: pb.CorrectStockRequest, context: CallContext) -> pb.CorrectStockResponse:
        values = checked(StockCorrectionSerializer, data_of(request))
        key = self.metadata.get("idempotency-key")
        product = correct_stock(actor=self.caller, product_id=request.id, key=key, **values)
        return pb.CorrectStockResponse(product=ProductMessage.of(product))

    @guarded_by(revert_product)
    def RevertProduct(self, request: pb.RevertProductRequest, context: CallContext) -> pb.RevertProductResponse:
        values = checked(ReversalSerializer, data_of(request))
        product = revert_product(actor=self.caller, product_id=request.id, **values)
        return pb.RevertProductResponse(product=ProductMessage.of(product))

    @guarded_by(set_product_image)
    def SetProductImage(self, request: pb.SetProductImageRequest, context: CallContext) -> pb.SetProductImageResponse:
        with invalid_product(version="expected_version"):
            expected = _expected_version(request)
            product = set_product_image(
                actor=self.caller, product_id=request.id, content=request.image, expected_version=expected
            )
        return pb.SetProductImageResponse(product=ProductMessage.of(product))

    @guarded_by(remove_product_image)
    def RemoveProductImage(
        self, request: pb.RemoveProductImageRequest, context: CallContext
    ) -> pb.RemoveProductImageResponse:
        with invalid_product(version="expected_version"):
            expected = _expected_version(request)
            product = remove_product_image(actor=self.caller, product_id=request.id, expected_version=expected)
        return pb.RemoveProductImageResponse(product=ProductMessage.of(product))

    @guarded_by(ProductHistory.objects.all().readers)
    def ListProductHistory(
        self, request: pb.ListProductHistoryRequest, context: CallContext
    ) -> pb.ListProductHistoryResponse:
        bad = BadParameters()
        with bad:
            found = found_by(ProductHistoryFilter, request, ProductHistory.objects.of(self.caller, request.id))
        with bad:
            page = page_request_of(request)
        bad.check()
        return list_response(pb.ListProductHistoryResponse, QuerysetRows(found, ProductHistoryMessage), HISTORY, page)

    def WatchProducts(self, request: pb.GetProductRequest, context: CallContext) -> StreamSpec:
        after = request.after or self.metadata.get(CURSOR)
        if request.id and not after:  # with a cursor, a deleted product still has past events
            self.get_object()
        return StreamSpec(match=partial(is_of, request.id), write=product_update, after=after)

    def LivePriceUpdates(self, requests: object, context: CallContext) -> StreamSpec:
        after = self.metadata.get(CURSOR)
        return StreamSpec(
            match=partial(is_of, 0), write=product_update, after=after, reply=self._set_price, refused=refused_update
        )

    @guarded_by(create_products)
    def BatchCreateProducts(
        self, requests: Iterator[pb.CreateProductRequest], context: CallContext
    ) -> pb.BatchCreateResponse:
        answer, requests = pb.BatchCreateResponse(), self.counted(requests)
        if not self._is_all_or_none():
            with reporting_created_count(answer):
                self._create(requests, answer)
            return answer
        with spooled(requests, pb.CreateProductRequest, limit=MAX_ROWS) as rows, transaction.atomic():
            self._create(rows, answer)
            if answer.failures:
                transaction.set_rollback(True)
                answer.created_count = 0
        return answer

    @guarded_by(change_products_by_sku)
    def BatchChangeProducts(self, request: pb.BatchChangeRequest, context: CallContext) -> pb.BatchChangeResponse:
        rows = checked_rows([data_of(change) for change in request.changes], SkuChangeSerializer)
        made = change_products_by_sku(actor=self.caller, rows=[row for row in rows if isinstance(row, dict)])
        answer = pb.BatchChangeResponse()
        answer.changed_count = _report_failures(answer, 0, outcomes_of(rows, made))
        return answer

    @guarded_by(preview_prices)
    def PreviewPrices(self, request: pb.PreviewPricesRequest, context: CallContext) -> pb.PreviewPricesResponse:
        preview = preview_prices(actor=self.caller, **self._repricing(PercentSerializer))
        return pb.PreviewPricesResponse(preview=PricePreviewSerializer(preview).data)

    @guarded_by(change_prices)
    def ChangePrices(self, request: pb.ChangePricesRequest, context: CallContext) -> pb.ChangePricesResponse:
        key = self.metadata.get("idempotency-key")
        change = change_prices(actor=self.caller, key=key, **self._repricing(RepricingSerializer))
        return pb.ChangePricesResponse(price_change=PriceChangeMessage.of(change))

    @guarded_by(PriceChange.objects.all().readers)
    def GetPriceChange(self, request: pb.GetPriceChangeRequest, context: CallContext) -> pb.GetPriceChangeResponse:
        change = PriceChange.objects.one(self.caller, request.id)
        return pb.GetPriceChangeResponse(price_change=PriceChangeMessage.of(change))

    @guarded_by(PriceChange.objects.all().readers)
    def ListPriceChanges(
        self, request: pb.ListPriceChangesRequest, context: CallContext
    ) -> pb.ListPriceChangesResponse:
        found = QuerysetRows(PriceChange.objects.visible_to(self.caller), PriceChangeMessage)
        return list_response(pb.ListPriceChangesResponse, found, HISTORY, page_request_of(request))

    @guarded_by(undo_price_change)
    def UndoPriceChange(self, request: pb.UndoPriceChangeRequest, context: CallContext) -> pb.UndoPriceChangeResponse:
        change = undo_price_change(actor=self.caller, price_change_id=request.id)
        return pb.UndoPriceChangeResponse(price_change=PriceChangeMessage.of(change))

    def _repricing(self, serializer_class: SerializerClass) -> dict[str, Any]:
        filters = filters_in(ProductFilter, self.request)
        return repricing_of(serializer_class, caller=self.caller, data=data_of(self.request), filters=filters)

    def _is_all_or_none(self) -> bool:
        word = self.metadata.get("batch-atomic", "batch")
        if word not in ("batch", "call"):
            raise InvalidInput(fields={"batch-atomic": "batch-atomic must be batch or call"})
        return word == "call"

    def _create(self, requests: Iterator[pb.CreateProductRequest], answer: pb.BatchCreateResponse) -> None:
        """Create the rows in batches, each in a transaction or savepoint, and report the results in `answer`."""
        for start, messages in in_batches(requests, limit=MAX_ROWS):
            self.check_is_awaited()
            self.reauthorize()
            rows = checked_rows([data_of(message) for message in messages], ProductSerializer)
            made = create_products(actor=self.caller, rows=[row for row in rows if isinstance(row, dict)])
            _report(answer, start, outcomes_of(rows, made))
        if not answer.created_count and not answer.failures:
            raise InvalidInput(f"A stream of 1 to {MAX_ROWS} rows is expected")
        if next(requests, None) is not None:
            _report(answer, MAX_ROWS, [TooLarge(f"A call has at most {MAX_ROWS} rows; the rest was ignored")])

    def _set_price(self, update: pb.ProductUpdate) -> None:
        set_price(headers=self.metadata, address=self.address, product_id=update.product_id, price=update.new_price)


class CategoryService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["CategoryService"]
    queryset = Category.objects.all()
    serializer_class = CategoryMessage

    def GetCategory(self, request: pb.GetCategoryRequest, context: CallContext) -> pb.GetCategoryResponse:
        return pb.GetCategoryResponse(category=self.found())

    def ListCategories(self, request: pb.ListCategoriesRequest, context: CallContext) -> pb.ListCategoriesResponse:
        rows = QuerysetRows(self.get_queryset(), CategoryMessage)
        return list_response(pb.ListCategoriesResponse, rows, BY_NAME, page_request_of(request))

    @guarded_by(create_category)
    def CreateCategory(self, request: pb.CreateCategoryRequest, context: CallContext) -> pb.CreateCategoryResponse:
        category = create_category(actor=self.caller, values=checked(CategorySerializer, data_of(request)))
        return pb.CreateCategoryResponse(category=CategoryMessage.of(category))

    @guarded_by(change_category)
    def UpdateCategory(self, request: pb.UpdateCategoryRequest, context: CallContext) -> pb.UpdateCategoryResponse:
        changes = checked(CategorySerializer, data_of(request), partial=True)
        category = change_category(actor=self.caller, category_id=request.id, changes=changes)
        return pb.UpdateCategoryResponse(category=CategoryMessage.of(category))

    @guarded_by(delete_category)
    def DeleteCategory(self, request: pb.DeleteCategoryRequest, context: CallContext) -> pb.DeleteCategoryResponse:
        delete_category(actor=self.caller, category_id=request.id)
        return pb.DeleteCategoryResponse(success=True)


@contextmanager
def invalid_product(**names: str) -> Iterator[None]:
    """Turn InvalidInput into InvalidProduct with the message `Invalid product data`; `names` renames fields."""
    try:
        yield
    except InvalidInput as refusal:
        fields = {names.get(field, field): text for field, text in refusal.fields.items()}
        raise InvalidProduct("Invalid product data", fields=fields) from refusal


@contextmanager
def reporting_created_count(answer: pb.BatchCreateResponse) -> Iterator[None]:
    """If a refusal or an outage ends the batch early, add the number of created rows to its details."""
    try:
        yield
    except Exception as error:
        refusal = as_domain_error(error)
        if refusal is None:
            raise
        refusal.details["created_count"] = answer.created_count
        raise refusal from error


def _expected_version(request: pb.SetProductImageRequest | pb.RemoveProductImageRequest) -> int | None:
    is_given: bool = request.HasField("expected_version")  # type: ignore[no-untyped-call]  # of protobuf
    given = {"version": request.expected_version} if is_given else {}
    expected: int | None = checked(ProductVersionSerializer, given).get("version")
    return expected


def _given(data: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in data.items() if value is not None}


def product_update(event: Event) -> pb.ProductUpdate:
    return pb.ProductUpdate(**product_facts(event), cursor=event.cursor)


def refused_update(update: pb.ProductUpdate, refusal: DomainError) -> pb.ProductUpdate:
    """Return the message that only the sender of a refused update receives."""
    return pb.ProductUpdate(
        product_id=update.product_id,
        error_code=refusal.code,
        error_message=refusal.message,
        retry_after=refusal.retry_after_s or 0,
    )


def _report(answer: pb.BatchCreateResponse, start: int, outcomes: list[object]) -> None:
    answer.created_count += _report_failures(answer, start, outcomes)


def _report_failures(
    answer: pb.BatchCreateResponse | pb.BatchChangeResponse, start: int, outcomes: Iterable[object]
) -> int:
    """Add the refused rows to the response, and return the number of the other rows."""
    done = 0
    for index, outcome in enumerate(outcomes, start):
        if not isinstance(outcome, DomainError):
            done += 1
            continue
        # Clients accept 4 MiB by default: 10,000 failures with all their fields would be larger.
        fields = outcome.fields if len(answer.failures) < MAX_FAILURES_WITH_FIELDS else {}
        answer.failures.add(index=index, code=outcome.code, message=outcome.message, fields=fields)
    return done
