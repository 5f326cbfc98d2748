"""What was sent, and which status came: never UNKNOWN, never a text of Python or the database, nothing changed."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import grpc
import pytest
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.tokens import _refresh_token
from catalog.models import Product
from orders.models import Order
from protos import order_pb2, product_pb2
from tests.support.api import access_token
from tests.support.factories import make_product, make_staff, make_user
from tests.support.rpc import TIMEOUT_S, Client, GrpcShop, Refusal, refusal_in

MIB = 1024 * 1024
STAFF, USER, NOBODY = "staff", "user", "nobody"
GOOD = product_pb2.CreateProductRequest(name="Good", price=1).SerializeToString()


@pytest.fixture(scope="module")
def shop(grpc_shops) -> GrpcShop:
    shop = grpc_shops()
    with shop.database():
        make_product(name="Tea", price=5, stock=3, sku="TEA")
        make_product(name="Pot", price=7, stock=1, sku="POT")
        make_staff(username=STAFF)
        make_user(username=USER)
    return shop


def state(shop: GrpcShop) -> list[Any]:
    """All that a call could have changed."""
    with shop.database():
        rows = Product.objects.order_by("id").values_list("name", "price", "stock", "sku", "version")
        return [*rows, Order.objects.count(), User.objects.count()]


def tokens() -> dict[str, str]:
    user = User.objects.get(username=STAFF)
    expired = AccessToken(access_token(user).encode())
    expired.set_exp(lifetime=-timedelta(seconds=1))
    return {
        "blank": "",
        "nonsense": "nonsense",
        "of three parts": "a.b.c",
        "forged": access_token(user)[:-4] + "AAAA",
        "expired": str(expired),
        "refresh": str(_refresh_token(user)),
    }


def sent(client: Client, method: str, content: Any, **options: Any) -> Refusal:
    """Send bytes as they are."""
    call = client.channel.unary_unary(method)
    with pytest.raises(grpc.RpcError) as refused:
        call(content, timeout=TIMEOUT_S, **options)
    return refusal_in(refused.value)


BYTES: list[tuple[str, bytes, str]] = [
    ("GetProduct", b"\xff\xff\xff\xff", "INVALID_ARGUMENT"),
    ("GetProduct", b"\x0a\xff\xff\xff\xff\x0f", "INVALID_ARGUMENT"),
    ("ListProducts", b"\x1a\x02\xc3\x28", "INVALID_ARGUMENT"),  # a text that is no UTF-8
    ("GetProduct", b"x" * 5 * MIB, "RESOURCE_EXHAUSTED"),
    ("GetProduct", b"\x0a\x00", "NOT_FOUND"),  # a text where the id should be is an unknown field
    ("WatchProducts", b"\xff\xff\xff\xff", "INVALID_ARGUMENT"),
    ("WatchProducts", b"x" * 5 * MIB, "RESOURCE_EXHAUSTED"),
    ("BuyProduct", b"", "UNIMPLEMENTED"),
]


@pytest.mark.parametrize(("method", "content", "code"), BYTES)
def test_bytes_that_are_no_message(shop, method, content, code):
    before = state(shop)

    refusal = sent(shop.client(), f"/ecommerce.ProductService/{method}", content)

    assert refusal.code == code
    assert_says_nothing_of_itself(refusal)
    assert state(shop) == before


@pytest.mark.parametrize("name", ["x-long", "authorization", "idempotency-key"])
def test_metadata_of_20_kb(shop, name):
    assert sent(shop.client(), "/ecommerce.ProductService/GetProduct", b"", metadata=((name, "x" * 20_000),)).code == (
        "RESOURCE_EXHAUSTED"
    )


@pytest.mark.parametrize("kind", ["blank", "nonsense", "of three parts", "forged", "expired", "refresh"])
@pytest.mark.parametrize("method", ["GetProduct", "DeleteProduct"])
def test_token_that_is_worth_nothing(shop, kind, method):
    before = state(shop)
    with shop.database():
        client = shop.client(token=tokens()[kind])

    refusal = client.refusal(method, id=1)

    assert refusal[:3] == ("UNAUTHENTICATED", "Invalid token", "unauthenticated")
    assert state(shop) == before


def line(product_id: int, quantity: int) -> dict[str, Any]:
    return {"items": [order_pb2.OrderItemInput(product_id=product_id, quantity=quantity)]}


TABLE: list[tuple[str, str, dict[str, Any], str, str]] = [
    # who, method, fields, status, reason
    (NOBODY, "GetProduct", {}, "NOT_FOUND", "not_found"),
    (NOBODY, "GetProduct", {"id": -1}, "NOT_FOUND", "not_found"),
    (NOBODY, "GetProduct", {"id": 2**31 - 1}, "NOT_FOUND", "not_found"),
    (NOBODY, "GetProduct", {"id": -(2**31)}, "NOT_FOUND", "not_found"),
    (NOBODY, "ListProducts", {"page": -1}, "INVALID_ARGUMENT", "invalid_input"),
    (NOBODY, "ListProducts", {"sort_by": "price; DROP TABLE"}, "INVALID_ARGUMENT", "invalid_input"),
    (NOBODY, "ListProducts", {"q": "\0"}, "INVALID_ARGUMENT", "invalid_input"),
    (NOBODY, "ListProducts", {"min_price": float("nan")}, "INVALID_ARGUMENT", "invalid_input"),
    (NOBODY, "CreateProduct", {"name": "A", "price": 1}, "UNAUTHENTICATED", "unauthenticated"),
    (USER, "CreateProduct", {"name": "A", "price": 1}, "PERMISSION_DENIED", "forbidden"),
    (STAFF, "CreateProduct", {}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": float("nan")}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": 1e400}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": -1e400}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": 1e308}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": 5e-324}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A" * 500, "price": 1}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A\0B", "price": 1}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": " ", "price": 1}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": 1, "stock": -(2**31)}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "CreateProduct", {"name": "A", "price": 1, "sku": "tea"}, "ALREADY_EXISTS", "already_exists"),
    (STAFF, "UpdateProduct", {"id": 2, "sku": "TEA"}, "ALREADY_EXISTS", "already_exists"),
    (STAFF, "UpdateProduct", {"id": 1, "price": 9, "expected_version": 7}, "ABORTED", "version_mismatch"),
    (STAFF, "UpdateProduct", {"id": 1, "price": 9, "expected_version": 0}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "UpdateProduct", {"id": 1, "price": 9, "expected_version": -1}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "UpdateProduct", {"id": 1, "price": float("nan")}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "UpdateProduct", {"id": 1, "price": 1e400}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "UpdateProduct", {"id": 1, "name": "A" * 500}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "UpdateProduct", {"id": 1, "name": "A\0B"}, "INVALID_ARGUMENT", "invalid_input"),
    (STAFF, "UpdateProduct", {"id": -1, "price": 9}, "NOT_FOUND", "not_found"),
    (STAFF, "UpdateProduct", {"price": 9}, "NOT_FOUND", "not_found"),
    (STAFF, "DeleteProduct", {"id": -7}, "NOT_FOUND", "not_found"),
    (NOBODY, "PlaceOrder", line(1, 1), "UNAUTHENTICATED", "unauthenticated"),
    (USER, "PlaceOrder", line(1, 4), "FAILED_PRECONDITION", "out_of_stock"),
    (USER, "PlaceOrder", line(1, 2**31 - 1), "FAILED_PRECONDITION", "out_of_stock"),
    (USER, "PlaceOrder", line(1, 0), "INVALID_ARGUMENT", "invalid_input"),
    (USER, "PlaceOrder", line(0, 1), "INVALID_ARGUMENT", "invalid_input"),
    (USER, "PlaceOrder", line(99, 1), "INVALID_ARGUMENT", "invalid_input"),
    (USER, "PlaceOrder", {}, "INVALID_ARGUMENT", "invalid_input"),
    (USER, "GetOrder", {"id": -1}, "NOT_FOUND", "not_found"),
    (USER, "GetOrder", {}, "NOT_FOUND", "not_found"),
    (USER, "CancelOrder", {"id": -1}, "NOT_FOUND", "not_found"),
    (USER, "ListUserOrders", {"user_id": -1}, "NOT_FOUND", "not_found"),
    (STAFF, "GetUser", {"id": -1}, "NOT_FOUND", "not_found"),
    (USER, "ListOrders", {"status": "lost"}, "INVALID_ARGUMENT", "invalid_input"),
    (USER, "ListUsers", {}, "PERMISSION_DENIED", "forbidden"),
    (NOBODY, "RegisterUser", {"username": "a\0b", "email": "x", "password": ""}, "INVALID_ARGUMENT", "invalid_input"),
    (NOBODY, "ObtainToken", {"username": STAFF, "password": "wrong"}, "UNAUTHENTICATED", "unauthenticated"),
    (NOBODY, "RefreshToken", {"refresh": "x" * 5_000}, "INVALID_ARGUMENT", "invalid_input"),
    (NOBODY, "RevokeToken", {"refresh": "a.b.c"}, "UNAUTHENTICATED", "unauthenticated"),
]


@pytest.fixture(scope="module")
def client_of(shop) -> Callable[[str], Client]:
    with shop.database():
        users = {name: User.objects.get(username=name) for name in (STAFF, USER)}
    clients = {name: shop.client(users.get(name)) for name in (STAFF, USER, NOBODY)}
    return clients.__getitem__


@pytest.mark.parametrize(("who", "method", "fields", "code", "reason"), TABLE)
def test_fields_that_cannot_be(shop, client_of, who, method, fields, code, reason):
    before = state(shop)

    refusal = client_of(who).refusal(method, **fields)

    assert (refusal.code, refusal.reason) == (code, reason)
    assert_says_nothing_of_itself(refusal)
    assert state(shop) == before


BATCHES: list[tuple[str, list[bytes], str]] = [
    ("bytes that are no message", [GOOD, b"\xff\xff\xff\xff"], "INVALID_ARGUMENT"),
    ("5 MiB", [GOOD, b"x" * 5 * MIB], "RESOURCE_EXHAUSTED"),
    ("no row", [], "INVALID_ARGUMENT"),
]


@pytest.mark.parametrize(("what", "rows", "code"), BATCHES, ids=[what for what, *_ in BATCHES])
def test_batch_that_cannot_be_read_creates_nothing(shop, client_of, what, rows, code):
    before, client = state(shop), client_of(STAFF)
    call = client.channel.stream_unary("/ecommerce.ProductService/BatchCreateProducts")

    with pytest.raises(grpc.RpcError) as refused:
        call(iter(rows), metadata=tuple(client.metadata.items()), timeout=TIMEOUT_S)

    refusal = refusal_in(refused.value)
    assert refusal.code == code
    assert_says_nothing_of_itself(refusal)
    assert state(shop) == before


PRICES: list[tuple[int, float, str]] = [
    (1, float("nan"), "invalid_input"),
    (1, 1e400, "invalid_input"),
    (1, -1e400, "invalid_input"),
    (1, 0, "invalid_input"),
    (1, 1.234, "invalid_input"),
    (0, 1, "not_found"),
    (-1, 1, "not_found"),
    (2**31 - 1, 1, "not_found"),
]


def test_prices_that_cannot_be_are_answered_one_by_one_and_change_nothing(shop, client_of):
    before = state(shop)
    updates = [product_pb2.ProductUpdate(product_id=pk, new_price=price) for pk, price, _ in PRICES]

    live = client_of(STAFF).open("LivePriceUpdates", updates)
    answers = [next(live) for _ in updates]
    live.cancel()

    assert [(answer.product_id, answer.error_code) for answer in answers] == [(pk, code) for pk, _, code in PRICES]
    assert state(shop) == before


@pytest.mark.parametrize("method", ["ProductService/CreateProduct", "OrderService/PlaceOrder"])
def test_client_that_is_gone_in_the_middle_of_a_call_changes_nothing(shop, method):
    """Its message never came; test_server.py has those that are gone while the call runs."""
    before = state(shop)
    with shop.database():
        clients = [shop.client(User.objects.get(username=STAFF)) for _ in range(20)]
    for client in clients:
        call = client.channel.stream_unary(f"/ecommerce.{method}")
        call.future(iter(Event().wait, True), metadata=tuple(client.metadata.items()), timeout=TIMEOUT_S)
    time.sleep(0.3)
    for client in clients:
        client.channel.close()

    assert shop.client().call("GetProduct", id=1).product.name == "Tea"
    assert state(shop) == before


def assert_says_nothing_of_itself(refusal: Refusal) -> None:
    texts = " ".join((refusal.message, *refusal.fields.values(), *refusal.facts.values()))
    words = ("Traceback", "Exception", "Error", "SELECT", "psycopg", "sqlite", "django")
    assert not any(word in texts for word in words)
