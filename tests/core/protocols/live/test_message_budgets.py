"""Messages that clients send into streams cost them their budget, and a flood of them ends the stream."""

from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from django.db import connection, transaction
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from catalog.models import Product
from core.rates.floods import MAX_REFUSED
from protos import product_pb2 as pb
from tests.core.protocols.live.test_event_streams import wait_for_a_fresh_minute
from tests.support.api import access_token
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop
from tests.support.rpc import TIMEOUT_S, Client, GrpcShop, Refusal, refusal_in
from tests.support.sockets import PRODUCTS, graph_socket, position_in, socket_client
from tests.support.waiting import wait_until

FLOODED = "Rate limit exceeded: the stream ends"
EVERYTHING = 600  # more messages than a stream bears


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops(RATE_LIMITS="on", RATE_USER_PER_MINUTE="6", RATE_ANONYMOUS_PER_MINUTE="6")


@pytest.fixture(scope="module")
def rpc_shop(grpc_shops) -> GrpcShop:
    return grpc_shops(RATE_LIMITS="on", RATE_USER_PER_MINUTE="2")


@pytest.fixture(autouse=True)
def fresh_minute() -> None:
    wait_for_a_fresh_minute()


def clerk_in(shop: Shop) -> tuple[User, Product]:
    with shop.database():
        return make_staff(password="a-long-password"), make_product(price="3.50")


# -- /ws/prices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wasted", ['{"after": "0"', "[]", '{"product_id": 0, "new_price": 1}'])
def test_price_over_the_budget_is_refused_and_the_stream_goes_on(shop, wasted):
    clerk, product = clerk_in(shop)
    with shop.database():
        token = access_token(clerk)

    with socket_client(shop.url, "/ws/prices", token) as client:
        client.receive()
        for _ in range(5):  # the connection was the first of six
            client.send(wasted)
            assert client.receive()["error_code"] in ("invalid_input", "not_found")
        client.send({"product_id": product.pk, "new_price": 4})
        refused = client.receive()
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=1)
        told = client.receive()

    assert 0 < refused.pop("retry_after") <= 60
    assert refused == {
        "product_id": product.pk,
        "error_code": "rate_limited",
        "error_message": "Rate limit exceeded",
    }
    assert (told["product_id"], told["new_price"], told["new_stock"]) == (product.pk, 3.5, 1)


@pytest.mark.parametrize("message", ["{", {"authorization": "Bearer nonsense"}, {"after": "0"}])
def test_flood_of_messages_ends_the_socket(shop, message):
    clerk, _ = clerk_in(shop)
    with shop.database():
        token = access_token(clerk)

    with socket_client(shop.url, "/ws/prices", token) as client:
        client.receive()
        send_all(client, message)

        assert client.closed() == (4429, f"rate_limited: {FLOODED}")


def send_all(client: Any, message: Any) -> None:
    with suppress(ConnectionClosed):  # the server may close before the last message; `closed()` checks why
        for _ in range(EVERYTHING):
            client.send(message)


# -- /graphql ---------------------------------------------------------------------------------------------------


def test_each_operation_counts_as_one_request(shop):
    clerk, product = clerk_in(shop)
    position = position_in(shop)

    with shop.database():
        token = access_token(clerk)
    with graph_socket(shop.url, token=token) as client:
        client.subscribe("products", PRODUCTS % "newStock", id=product.pk, after=position)
        for _ in range(4):  # the connection was the first of six, the subscription the second
            client.subscribe("a", "{ __typename }")
            assert client.next("a") == {"__typename": "Query"}
            assert client.receive()["type"] == "complete"
        client.subscribe("a", "{ __typename }")
        refused = client.error("a")
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=1)
        told = client.next("products")

    assert 0 < refused.pop("retry_after") <= 60
    assert refused == {"message": "Rate limit exceeded", "code": "RATE_LIMITED"}
    assert told == {"productUpdated": {"newStock": 1}}


def test_ping_is_answered_when_the_budget_is_used_up(shop):
    clerk, _ = clerk_in(shop)

    with shop.database():
        token = access_token(clerk)
    with graph_socket(shop.url, token=token) as client:
        for _ in range(10):
            client.send({"type": "ping"})

            assert client.receive() == {"type": "pong"}
        assert client.refusal("a", "{ __typename }") == "RATE_LIMITED"


def test_ping_is_answered_while_the_database_can_not_count_it(live_shop, requires_postgresql):
    shop = live_shop(RATE_LIMITS="on", RATE_ANONYMOUS_PER_MINUTE="20", LOCK_TIMEOUT_S="1")

    with graph_socket(shop.url) as client:
        with shop.database(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE ecommerce_ratecounter IN ACCESS EXCLUSIVE MODE")
            client.send({"type": "ping"})

            assert client.receive() == {"type": "pong"}
        client.subscribe("typename", "{ __typename }")
        assert client.next("typename") == {"__typename": "Query"}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ping"},
        {"type": "pong"},
        {"type": "complete", "id": "none"},
    ],
)
def test_flood_of_signals_ends_the_socket(shop, message):
    clerk, _ = clerk_in(shop)

    with shop.database():
        token = access_token(clerk)
    with graph_socket(shop.url, token=token) as client:
        send_all(client, message)

        assert client.closed() == (4429, f"rate_limited: {FLOODED}")


def test_flood_of_operations_ends_the_socket(shop):
    clerk, _ = clerk_in(shop)

    with shop.database():
        token = access_token(clerk)
    with graph_socket(shop.url, token=token) as client:
        with suppress(ConnectionClosed):
            for number in range(EVERYTHING):
                client.subscribe(str(number), "{ __typename }")

        assert client.closed() == (4429, f"rate_limited: {FLOODED}")


def test_operation_that_is_completed_at_once_counts_too(shop):
    clerk, _ = clerk_in(shop)

    with shop.database():
        token = access_token(clerk)
    with graph_socket(shop.url, token=token) as client:
        for number in range(50):
            client.subscribe(str(number), PRODUCTS % "kind")
            client.complete(str(number))
        client.subscribe("last", "{ __typename }")

        while (message := client.receive())["id"] != "last":
            assert message["type"] == "error"
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")


# -- gRPC -------------------------------------------------------------------------------------------------------


def client_in(shop: GrpcShop) -> tuple[Client, Product]:
    clerk, product = clerk_in(shop)
    with shop.database():
        return shop.client(clerk), product


def test_price_over_the_budget_is_refused_over_grpc_and_the_stream_goes_on(rpc_shop):
    client, product = client_in(rpc_shop)
    sent: SimpleQueue[Any] = SimpleQueue()
    call = client.open("LivePriceUpdates", requests=iter(sent.get, None))

    for _ in range(2):  # the call was the first of two
        sent.put(pb.ProductUpdate(product_id=0, new_price=1))
    refused = [next(call) for _ in range(2)]
    with rpc_shop.database():
        Product.objects.filter(pk=product.pk).update(stock=1)
    told = next(call)

    assert [update.error_code for update in refused] == ["not_found", "rate_limited"]
    assert refused[0].retry_after == 0 < refused[1].retry_after <= 60
    assert (told.product_id, told.new_price, told.new_stock) == (product.pk, 3.5, 1)
    call.cancel()


def test_flood_of_prices_ends_the_call(rpc_shop):
    client, product = client_in(rpc_shop)
    call, refused = client.open("LivePriceUpdates", requests=updates_of(product)), []

    with pytest.raises(grpc.RpcError) as ended:
        refused.extend(update for update in call)

    refusal = refusal_in(ended.value)
    assert (refusal.code, refusal.message, refusal.reason) == ("RESOURCE_EXHAUSTED", FLOODED, "rate_limited")
    assert 0 < (refusal.retry_after_s or 0) <= 60
    assert len([update for update in refused if update.error_code]) <= MAX_REFUSED


def updates_of(product: Product) -> Iterator[pb.ProductUpdate]:
    for _ in range(EVERYTHING):
        yield pb.ProductUpdate(product_id=product.pk, new_price=4)


# -- BatchCreateProducts ----------------------------------------------------------------------------------------


def rows(count: int) -> Iterator[pb.CreateProductRequest]:
    for number in range(count):
        yield pb.CreateProductRequest(name=f"Row {number}", price=1)


def create(client: Client, requests: Iterator[pb.CreateProductRequest], **metadata: str) -> pb.BatchCreateResponse:
    pairs = tuple((client.metadata | {name.replace("_", "-"): text for name, text in metadata.items()}).items())
    return client.method("BatchCreateProducts")(requests, metadata=pairs, timeout=TIMEOUT_S)


def refusal_of(client: Client, requests: Iterator[pb.CreateProductRequest], **metadata: str) -> Refusal:
    with pytest.raises(grpc.RpcError) as refused:
        create(client, requests, **metadata)
    return refusal_in(refused.value)


def rows_in(shop: Shop) -> int:
    with shop.database():
        return Product.objects.filter(name__startswith="Row ").count()


def test_five_hundred_rows_of_a_batch_count_as_one_request(rpc_shop):
    client, _ = client_in(rpc_shop)
    before = rows_in(rpc_shop)

    answer = create(client, rows(1_000))
    refusal = refusal_of(client, rows(1))

    assert answer.created_count == 1_000
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "rate_limited")
    assert rows_in(rpc_shop) == before + 1_000


@pytest.mark.parametrize(("mode", "created"), [("batch", 1_000), ("call", 0)])
def test_batch_that_uses_the_budget_up_says_how_many_rows_it_created(rpc_shop, mode, created):
    client, _ = client_in(rpc_shop)
    before = rows_in(rpc_shop)

    refusal = refusal_of(client, rows(1_001), batch_atomic=mode)

    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "rate_limited")
    assert 0 < (refusal.retry_after_s or 0) <= 60
    assert refusal.facts.get("created_count", "0") == str(created)
    assert rows_in(rpc_shop) == before + created


def test_batch_that_an_outage_ends_says_how_many_rows_it_created(grpc_shops, requires_postgresql):
    shop = grpc_shops(LOCK_TIMEOUT_S="1")
    with shop.database():
        client = shop.client(make_staff(password="a-long-password"))
    sent = SimpleQueue[Any]()
    pairs = tuple(client.metadata.items())
    call = client.method("BatchCreateProducts").future(iter(sent.get, None), metadata=pairs, timeout=TIMEOUT_S)

    for row in rows(600):
        sent.put(row)
    wait_until(lambda: rows_in(shop) == 500)
    with shop.database(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE catalog_product IN ACCESS EXCLUSIVE MODE")
        sent.put(None)
        refusal = refusal_in(call.exception(TIMEOUT_S))

    assert (refusal.code, refusal.facts["created_count"]) == ("UNAVAILABLE", "500")
    assert rows_in(shop) == 500


def lose_role(clerk: User) -> None:
    User.objects.filter(pk=clerk.pk).update(is_staff=False)


def deactivate(clerk: User) -> None:
    User.objects.filter(pk=clerk.pk).update(is_active=False)


@pytest.mark.parametrize("mode", ["batch", "call"])
@pytest.mark.parametrize(("lose", "code"), [(lose_role, "PERMISSION_DENIED"), (deactivate, "UNAUTHENTICATED")])
def test_rows_that_follow_the_loss_of_the_right_are_not_created(rpc_shop, lose, code, mode):
    clerk, _ = clerk_in(rpc_shop)
    with rpc_shop.database():
        client = rpc_shop.client(clerk)
    before, created, sent = rows_in(rpc_shop), 500 if mode == "batch" else 0, SimpleQueue[Any]()
    pairs = tuple((client.metadata | {"batch-atomic": mode}).items())
    call = client.method("BatchCreateProducts").future(iter(sent.get, None), metadata=pairs, timeout=TIMEOUT_S)

    for row in rows(600):
        sent.put(row)
    wait_until(lambda: rows_in(rpc_shop) == before + created)
    with rpc_shop.database():
        lose(clerk)
    for row in [*rows(200), None]:
        sent.put(row)

    refusal = refusal_in(call.exception(TIMEOUT_S))
    assert (refusal.code, refusal.facts.get("created_count", "0")) == (code, str(created))
    assert rows_in(rpc_shop) == before + created


def test_batch_ends_with_a_row_that_follows_the_loss_and_waits_for_no_other(rpc_shop):
    clerk, _ = clerk_in(rpc_shop)
    with rpc_shop.database():
        client = rpc_shop.client(clerk)
    before, sent = rows_in(rpc_shop), SimpleQueue[Any]()
    pairs = tuple(client.metadata.items())
    call = client.method("BatchCreateProducts").future(iter(sent.get, None), metadata=pairs, timeout=TIMEOUT_S)
    (row,) = rows(1)
    sent.put(row)
    with rpc_shop.database():
        lose_role(clerk)

    def is_over_after_another_row() -> bool:
        sent.put(row)
        return call.done()

    wait_until(is_over_after_another_row)

    assert refusal_in(call.exception(TIMEOUT_S)).code == "PERMISSION_DENIED"
    assert rows_in(rpc_shop) == before
