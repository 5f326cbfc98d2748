"""Products over gRPC."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.actions import change_product, create_product, delete_product
from catalog.errors import InvalidProduct, ProductNotFound
from catalog.filters import ProductFilter
from catalog.models import Product
from catalog.permissions import can_edit_products
from catalog.querysets import SORT_KEYS
from catalog.serializers import ProductChangeSerializer, ProductSerializer
from ecommerce.errors import InvalidInput
from ecommerce.filters import filtered
from ecommerce.keyset import sort_of
from ecommerce.rpc.messages import MessageSerializer, data_of
from ecommerce.rpc.pages import page_of
from ecommerce.rpc.service import Service
from ecommerce.serializers import checked
from protos import product_pb2 as pb

NEWEST_FIRST = "-created_at"


class ProductMessage(MessageSerializer, ProductSerializer):
    class Meta(ProductSerializer.Meta):
        proto_class = pb.Product


class ProductService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["ProductService"]
    queryset = Product.objects.all()
    serializer_class = ProductMessage
    not_found = ProductNotFound
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

    def _found(self, request: Any) -> Any:
        data = data_of(request)
        params = {name: data.get(name) for name in ("q", "min_price", "max_price", "in_stock")}
        return filtered(ProductFilter, _given(params), self.get_queryset())


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
