"""django-bolt: async handlers, its serializers and pagination; the transaction runs in a thread."""

from datetime import datetime
from decimal import Decimal

from asgiref.sync import sync_to_async
from django_bolt import BoltAPI, PageNumberPagination, paginate
from django_bolt.exceptions import Conflict, NotFound
from django_bolt.serializers import Serializer

from benchmarks.peers.tutorial.shop.models import Order, Product, User
from benchmarks.peers.tutorial.shop.orders import OutOfStock, place

api = BoltAPI(trailing_slash="append")
urlpatterns = []


class ProductOut(Serializer):
    id: int
    sku: str | None
    name: str
    description: str
    price: Decimal
    stock: int
    version: int
    created_at: datetime
    updated_at: datetime


class ProductRow(Serializer):
    id: int
    name: str
    price: Decimal
    stock: int


class ProductName(Serializer):
    id: int
    name: str


class ItemOut(Serializer):
    product: ProductName
    quantity: int
    unit_price: Decimal


class OrderOut(Serializer):
    id: int
    status: str
    total: Decimal
    created_at: datetime
    items: list[ItemOut]


class UserOut(Serializer):
    id: int
    username: str
    email: str
    orders: list[OrderOut]


class ItemIn(Serializer):
    product: int
    quantity: int


class OrderIn(Serializer):
    user: int
    items: list[ItemIn]


class Page(PageNumberPagination):
    page_size = 20


@api.get("/products")
@paginate(Page)
async def products(request) -> list[ProductRow]:
    return Product.objects.order_by("-created_at", "-id")


@api.get("/products/{pk}")
async def product(pk: int) -> ProductOut:
    try:
        return ProductOut.from_model(await Product.objects.aget(pk=pk))
    except Product.DoesNotExist:
        raise NotFound from None


@api.get("/users/{pk}")
async def user(pk: int) -> UserOut:
    try:
        return UserOut.from_model(await User.objects.prefetch_related("orders__items__product").aget(pk=pk))
    except User.DoesNotExist:
        raise NotFound from None


@api.post("/orders", status_code=201)
async def place_order(data: OrderIn) -> OrderOut:
    try:
        order = await sync_to_async(place)(data.user, [(item.product, item.quantity) for item in data.items])
    except OutOfStock:
        raise Conflict from None
    return OrderOut.from_model(await Order.objects.prefetch_related("items__product").aget(pk=order.pk))
