"""gRPC's package `ecommerce.v2`: the same methods and rules, with Money, Timestamp and enums."""

import json
from collections.abc import Callable
from decimal import Decimal

import grpc
import httpx
import pytest

from accounts.models import User
from catalog.actions import change_product
from catalog.models import Product
from ecommerce.second_version import MONEY, translated
from protos import order_pb2, product_pb2
from protos.v2 import shop_pb2 as pb
from protos.v2.shop_pb2_grpc import OrderServiceStub, ProductServiceStub
from tests.support.api import access_token
from tests.support.connect import WebShop
from tests.support.factories import make_product, make_staff, make_user
from tests.support.rpc import Refusal, end_of, refusal_in

pytestmark = pytest.mark.live
SIX_FIFTY = pb.Money(currency_code="USD", units=6, nanos=500_000_000)


@pytest.fixture(scope="module")
def shop(web_shop: WebShop) -> WebShop:
    return web_shop


@pytest.fixture(scope="module")
def staff(shop: WebShop) -> User:
    with shop.database():
        return make_staff()


@pytest.fixture
def product(shop: WebShop) -> Product:
    with shop.database():
        return make_product(name="Tea", price=Decimal("6.50"), stock=9)


def products(shop: WebShop, user: User | None = None) -> Callable[..., object]:
    """Return a function that calls a method of ProductService; without a user, as an anonymous caller."""
    return _caller(shop, ProductServiceStub, user)


def orders(shop: WebShop, user: User) -> Callable[..., object]:
    return _caller(shop, OrderServiceStub, user)


def _caller(shop: WebShop, stub: type, user: User | None) -> Callable[..., object]:
    service = stub(shop.client().channel)
    with shop.database():
        metadata = [("authorization", f"Bearer {access_token(user)}")] if user else []
    return lambda name, request: getattr(service, name)(request, metadata=metadata, timeout=60)


def refused(call: Callable[..., object], name: str, request: object) -> Refusal:
    with pytest.raises(grpc.RpcError) as error:
        call(name, request)
    return refusal_in(error.value)


def test_product_has_money_and_moments(shop, product) -> None:
    found = products(shop)("GetProduct", pb.GetProductRequest(id=product.pk)).product

    assert (found.name, found.stock, found.price) == ("Tea", 9, SIX_FIFTY)
    assert found.created_at.seconds == int(product.created_at.timestamp())


def test_product_is_created_and_changed_by_money(shop, staff) -> None:
    call = products(shop, staff)
    made = call(
        "CreateProduct", pb.CreateProductRequest(name="Cake", price=pb.Money(units=3, nanos=250_000_000))
    ).product
    changed = call("UpdateProduct", pb.UpdateProductRequest(id=made.id, price=SIX_FIFTY)).product

    assert made.price == pb.Money(currency_code="USD", units=3, nanos=250_000_000)
    assert (changed.name, changed.price, changed.version) == ("Cake", SIX_FIFTY, 2)


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (pb.Money(currency_code="EUR", units=1), "The currency is USD"),
        (pb.Money(units=1, nanos=-1), "units and nanos do not fit together"),
        (pb.Money(units=1, nanos=5_000_000), None),  # half a cent
        (None, "Valid price is required"),
    ],
)
def test_invalid_money_is_refused_and_nothing_is_created(shop, staff, price, text) -> None:
    with shop.database():
        before = Product.objects.count()

    refusal = refused(products(shop, staff), "CreateProduct", pb.CreateProductRequest(name="Cake", price=price))

    assert (refusal.code, refusal.reason, {*refusal.fields}) == ("INVALID_ARGUMENT", "invalid_input", {"price"})
    assert text in (None, refusal.fields["price"])
    with shop.database():
        assert Product.objects.count() == before


def test_rules_are_those_of_the_first_version(shop, product) -> None:
    with shop.database():
        customer = make_user()
    request = pb.DeleteProductRequest(id=product.pk)

    assert refused(products(shop), "DeleteProduct", request).code == "UNAUTHENTICATED"
    assert refused(products(shop, customer), "DeleteProduct", request).code == "PERMISSION_DENIED"


def test_orders_have_a_status_and_are_found_by_it(shop, staff, product) -> None:
    call = orders(shop, staff)
    items = [pb.OrderItemInput(product_id=product.pk, quantity=2)]
    order = call("PlaceOrder", pb.PlaceOrderRequest(items=items)).order
    paid = call("PayOrder", pb.PayOrderRequest(id=order.id)).order
    found = call("ListOrders", pb.ListOrdersRequest(status=pb.ORDER_STATUS_PAID)).orders
    none = call("ListOrders", pb.ListOrdersRequest(status=pb.ORDER_STATUS_REFUNDED)).orders

    assert (order.status, paid.status) == (pb.ORDER_STATUS_PENDING, pb.ORDER_STATUS_PAID)
    assert order.total == pb.Money(currency_code="USD", units=13)
    assert order.items[0].unit_price == SIX_FIFTY
    assert ([each.id for each in found], [*none]) == ([order.id], [])
    assert refused(call, "ListOrders", pb.ListOrdersRequest(status=77)).fields == {
        "status": "77 is not a value of OrderStatus"
    }


def test_streams_translate_changes_and_prices_both_ways(shop, staff, product) -> None:
    watch = products(shop)("WatchProducts", pb.GetProductRequest(id=product.pk))
    watch.initial_metadata()
    with shop.database():
        change_product(actor=staff, product_id=product.pk, changes={"price": Decimal("7.25")})
    seen = next(watch)
    sent = pb.ProductUpdate(product_id=product.pk, new_price=pb.Money(currency_code="EUR", units=1))
    live = products(shop, staff)("LivePriceUpdates", iter([sent]))

    assert (seen.kind, seen.new_price.units, seen.new_stock) == (pb.CHANGE_KIND_UPDATED, 7, 9)
    assert seen.timestamp.seconds > 0
    assert (next(live).error_code, product.pk) == ("invalid_input", sent.product_id)
    watch.cancel()
    live.cancel()


def test_batch_reports_failures_by_row(shop, staff) -> None:
    foreign = pb.Money(currency_code="EUR", units=1)
    rows = [("Cake", SIX_FIFTY), ("", SIX_FIFTY), ("Tea", foreign)]

    answer = products(shop, staff)(
        "BatchCreateProducts", iter([pb.CreateProductRequest(name=name, price=price) for name, price in rows])
    )

    assert answer.created_count == 1
    assert [(failure.index, {*failure.fields}) for failure in answer.failures] == [(1, {"name"}), (2, {"price"})]


def test_http_origin_serves_it_too(shop, product) -> None:
    answer = httpx.post(f"{shop.web.url}/ecommerce.v2.ProductService/GetProduct", json={"id": product.pk}).json()

    assert answer["product"]["price"] == json.loads('{"currencyCode": "USD", "units": "6", "nanos": 500000000}')


def test_stream_ends_as_in_the_first_version(shop) -> None:
    assert end_of(products(shop)("WatchProducts", pb.GetProductRequest(after="x"))).reason == "invalid_input"


def test_every_enum_has_the_words_of_the_first_version() -> None:
    from orders.models import Order
    from orders.transitions import VERBS

    for status in Order.Status.values:
        order = translated(order_pb2.Order(status=status, total=0.1), target=pb.Order)
        assert pb.OrderStatus.Name(order.status) == f"ORDER_STATUS_{status.upper()}"
    assert order.total == pb.Money(currency_code="USD", nanos=100_000_000)
    assert len(pb.OrderStatus.keys()) == len(Order.Status.values) + 1
    assert {*pb.OrderVerb.keys()} == {f"ORDER_VERB_{word.upper()}" for word in ("unspecified", *VERBS)}
    assert translated(product_pb2.ProductUpdate(kind="deleted"), target=pb.ProductUpdate).kind == pb.CHANGE_KIND_DELETED
    assert pb.Money.DESCRIPTOR.full_name == MONEY
