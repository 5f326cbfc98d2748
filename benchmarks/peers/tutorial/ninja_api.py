"""django-ninja: model schemas, its pagination."""

from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import ModelSchema, NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.pagination import PageNumberPagination, paginate

from benchmarks.peers.tutorial.shop.models import Order, OrderItem, Product, User
from benchmarks.peers.tutorial.shop.orders import OutOfStock, place

api = NinjaAPI(docs_url=None)


class ProductOut(ModelSchema):
    class Meta:
        model = Product
        fields = ["id", "sku", "name", "description", "price", "stock", "version", "created_at", "updated_at"]


class ProductRow(ModelSchema):
    class Meta:
        model = Product
        fields = ["id", "name", "price", "stock"]


class ProductName(ModelSchema):
    class Meta:
        model = Product
        fields = ["id", "name"]


class ProductIn(ModelSchema):
    class Meta:
        model = Product
        fields = ["sku", "name", "description", "price", "stock"]


class ItemOut(ModelSchema):
    product: ProductName

    class Meta:
        model = OrderItem
        fields = ["quantity", "unit_price"]


class OrderOut(ModelSchema):
    items: list[ItemOut]

    class Meta:
        model = Order
        fields = ["id", "status", "total", "created_at"]


class UserOut(ModelSchema):
    orders: list[OrderOut]

    class Meta:
        model = User
        fields = ["id", "username", "email"]


class ItemIn(Schema):
    product: int
    quantity: int


class OrderIn(Schema):
    user: int
    items: list[ItemIn]


@api.get("/products/", response=list[ProductRow])
@paginate(PageNumberPagination, page_size=20)
def products(request):
    return Product.objects.order_by("-created_at", "-id")


@api.post("/products/batch/", response={201: dict})
def create_products(request, data: list[ProductIn]):
    return 201, {"created": len(Product.objects.bulk_create([Product(**row.dict()) for row in data]))}


@api.get("/products/{pk}/", response=ProductOut)
def product(request, pk: int):
    return get_object_or_404(Product, pk=pk)


@api.get("/users/{pk}/", response=UserOut)
def user(request, pk: int):
    return get_object_or_404(User.objects.prefetch_related("orders__items__product"), pk=pk)


@api.post("/orders/", response={201: OrderOut})
def place_order(request, data: OrderIn):
    try:
        return 201, place(data.user, [(item.product, item.quantity) for item in data.items])
    except OutOfStock:
        raise HttpError(409, "out of stock") from None


urlpatterns = [path("", api.urls)]
