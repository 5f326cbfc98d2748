"""Subscriptions to products and orders on a WebSocket: what is told, to whom, for how long."""

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from accounts.models import User
from catalog.models import Product
from orders.actions import move_order
from orders.models import Order
from tests.support.api import BRIEF_S, access_token, brief_token
from tests.support.factories import make_order, make_product, make_user
from tests.support.live import LONG_GRACE, WITHOUT_GRACE_S, Shop
from tests.support.sockets import ORDERS, PRODUCTS, graph_socket, position_in


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """Two processes, for the tests that need no settings of their own."""
    return live_shops(processes=2)


def make_buyer(**fields: Any) -> User:
    """A user whose token is good at the servers: it tells of the password's hash."""
    return make_user(password="a-long-password", **fields)


def sell(product: Product, stock: int) -> None:
    Product.objects.filter(pk=product.pk).update(stock=stock)


# -- Products ---------------------------------------------------------------------------------------------------


def test_product_is_told_of_from_its_making_to_its_end(shop: Shop) -> None:
    fields = "productId newPrice newStock kind at cursor product { name stock }"
    position = position_in(shop)
    with shop.database():
        product = make_product(name="Tea", price="3.50", stock=5)
        sell(product, 4)

    with graph_socket(shop.url) as client:
        client.subscribe("a", PRODUCTS % fields, id=product.pk, after=position)
        made, sold = (client.next("a")["productUpdated"] for _ in range(2))
        with shop.database():
            Product.objects.filter(pk=product.pk).delete()
        gone = client.next("a")["productUpdated"]

    assert (made["kind"], made["newPrice"], made["newStock"], made["productId"]) == ("created", 3.5, 5, product.pk)
    assert (sold["kind"], sold["newStock"], sold["product"]) == ("updated", 4, {"name": "Tea", "stock": 4})
    assert (gone["kind"], gone["newPrice"], gone["product"]) == ("deleted", 3.5, None)
    assert [int(update["cursor"]) for update in (made, sold, gone)] == [int(position) + n for n in (1, 2, 3)]
    assert made["at"].endswith("Z")


def test_subscription_goes_on_at_another_process_from_its_cursor(shop: Shop) -> None:
    with shop.database():
        product = make_product(stock=100)
    cursor, stocks = position_in(shop), []

    for turn in range(6):
        with graph_socket(shop.urls[turn % 2]) as client:
            client.subscribe("a", PRODUCTS % "newStock cursor", id=product.pk, after=cursor)
            with shop.database():
                for stock in range(99 - 3 * turn, 96 - 3 * turn, -1):
                    sell(product, stock)
            for _ in range(2):  # the third is told after the cut
                update = client.next("a")["productUpdated"]
                stocks.append(update["newStock"])
                cursor = update["cursor"]
    with graph_socket(shop.url) as client:
        client.subscribe("a", PRODUCTS % "newStock", id=product.pk, after=cursor)
        stocks += [client.next("a")["productUpdated"]["newStock"] for _ in range(6)]

    assert stocks == list(range(99, 81, -1))


# -- Orders -----------------------------------------------------------------------------------------------------


def test_orders_are_told_to_their_owner_and_to_staff(shop: Shop) -> None:
    with shop.database():
        owner, other, staff = make_buyer(), make_buyer(), make_buyer(is_staff=True)
        position = position_in(shop)
        order = make_order(owner)
        foreign = make_order(other)
        move_order(actor=staff, order_id=order.pk, verb="pay")
    fields = "orderId kind status order { number status user { username } items { quantity } }"
    now = {
        "number": order.number,
        "status": "PAID",
        "user": {"username": owner.username},
        "items": [{"quantity": 1}],
    }

    with graph_socket(shop.url, owner) as client:
        client.subscribe("a", ORDERS % fields, after=position)
        own = [client.next("a")["orderUpdated"] for _ in range(2)]
    with graph_socket(shop.url, staff) as client:
        client.subscribe("a", ORDERS % "orderId status", after=position)
        every = [client.next("a")["orderUpdated"] for _ in range(3)]

    assert own == [
        {"orderId": order.pk, "kind": "placed", "status": "PENDING", "order": now},
        {"orderId": order.pk, "kind": "moved", "status": "PAID", "order": now},
    ]
    assert every == [
        {"orderId": order.pk, "status": "PENDING"},
        {"orderId": foreign.pk, "status": "PENDING"},
        {"orderId": order.pk, "status": "PAID"},
    ]


def test_order_of_another_is_as_one_that_does_not_exist(shop: Shop) -> None:
    with shop.database():
        other, staff, order = make_buyer(), make_buyer(is_staff=True), make_order()
        position = position_in(shop)
        guest = Order.objects.create(number="G-1", user=None, total=1)

    with graph_socket(shop.url, other) as client:
        assert client.refusal("a", ORDERS % "kind", id=order.pk) == "NOT_FOUND"
        assert client.refusal("b", ORDERS % "kind", id=2_000_000_000) == "NOT_FOUND"
        client.subscribe("c", ORDERS % "orderId", after=position)
        client.send({"type": "ping"})
        assert client.receive() == {"type": "pong"}
        with shop.database():
            move_order(actor=staff, order_id=order.pk, verb="pay")
            own = make_order(other)
        assert client.next("c") == {"orderUpdated": {"orderId": own.pk}}
    with graph_socket(shop.url, staff) as client:
        client.subscribe("d", ORDERS % "orderId", after=position)
        assert client.next("d") == {"orderUpdated": {"orderId": guest.pk}}


# -- Tokens and limits ------------------------------------------------------------------------------------------


def test_token_may_come_with_the_upgrade_and_a_cookie_counts_for_nothing(shop: Shop) -> None:
    with shop.database():
        user = make_buyer()
    headers = {"Authorization": f"Bearer {access_token(user)}", "Cookie": "sessionid=x"}

    with graph_socket(shop.url, additional_headers=headers) as client:
        client.subscribe("a", "{ me { username } }")

        assert client.next("a") == {"me": {"username": user.username}}


def test_token_that_expires_ends_the_connection_with_4401(shop: Shop) -> None:
    with shop.database():
        user = make_buyer()

    with graph_socket(shop.url, token=brief_token(user, BRIEF_S)) as client:
        client.subscribe("a", ORDERS % "kind")

        assert client.closed() == (
            4401,
            "unauthenticated: The token has expired: resume from the last cursor with a new token",
        )


def test_connections_and_their_further_subscriptions_count_as_streams(live_shop) -> None:
    shop = live_shop(RATE_LIMITS="on", STREAMS_PER_CALLER="2")
    with shop.database():
        make_product()

    with graph_socket(shop.url) as first, graph_socket(shop.url):
        for _ in range(3):  # in the position of its connection, again and again
            first.subscribe("a", PRODUCTS % "kind", after="0")
            assert first.next("a") == {"productUpdated": {"kind": "created"}}
            assert first.refusal("b", PRODUCTS % "kind") == "RATE_LIMITED"
            first.complete("a")
        with pytest.raises(InvalidStatus) as refused, graph_socket(shop.url):
            pass

    assert refused.value.response.status_code == 429
    assert json.loads(refused.value.response.body)["error"] == "Rate limit exceeded: open streams max is 2"


def test_every_operation_counts_as_a_request(live_shop) -> None:
    shop = live_shop(RATE_LIMITS="on", RATE_ANONYMOUS_PER_MINUTE="40")

    with graph_socket(shop.url) as client:
        answers = []
        while not answers or answers[-1]["type"] == "next":
            client.subscribe("a", "{ __typename }")
            answers.append(client.receive())
            assert answers[-1]["type"] == "error" or client.receive() == {"id": "a", "type": "complete"}

    assert 30 < len(answers) <= 80  # a minute may have begun in between
    (error,) = answers[-1]["payload"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 0 < error["extensions"]["retry_after"] <= 60


def test_connection_holds_so_many_operations(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        for n in range(100):
            client.subscribe(str(n), PRODUCTS % "kind")

        assert client.refusal("one more", PRODUCTS % "kind") == "RATE_LIMITED"


# -- The end ----------------------------------------------------------------------------------------------------


def test_server_that_ends_tells_so_and_clients_go_on_elsewhere(live_shop) -> None:
    shop = live_shop(processes=0)
    shop.start(2, *LONG_GRACE)
    with shop.database():
        product = make_product(stock=9)
    position = position_in(shop)

    with graph_socket(shop.urls[0]) as client, graph_socket(shop.urls[0]) as idle:
        client.subscribe("a", PRODUCTS % "newStock cursor", after=position)
        with shop.database():
            sell(product, 8)
        cursor = client.next("a")["productUpdated"]["cursor"]
        seconds = shop.servers[0].stop()
        ends = client.closed(), idle.closed()
    with shop.database():
        sell(product, 7)
    with graph_socket(shop.urls[1]) as client:
        client.subscribe("a", PRODUCTS % "newStock", after=cursor)
        resumed = client.next("a")

    assert ends == ((1001, "unavailable: The server is shutting down: resume from the last cursor"),) * 2
    assert seconds < WITHOUT_GRACE_S
    assert resumed == {"productUpdated": {"newStock": 7}}


def test_client_that_reads_nothing_is_cut_off_and_costs_nobody_else(live_shop) -> None:
    shop = live_shop(STREAM_STALL_S="0.5")
    with shop.database():
        product = make_product(description="x" * 20_000, stock=9)
    position = position_in(shop)

    with graph_socket(shop.url) as slow, graph_socket(shop.url) as quick:
        slow.subscribe("a", PRODUCTS % "newStock product { description }", after=position)
        quick.subscribe("a", PRODUCTS % "newStock", after=position)
        with shop.database():
            for stock in range(1_000, 0, -1):
                sell(product, stock)
        told = [quick.next("a")["productUpdated"]["newStock"] for _ in range(1_000)]
        log = shop.servers[0].log
        while '"status": 1013' not in log:
            quick.send({"type": "ping"})
            assert quick.receive() == {"type": "pong"}
            log = shop.servers[0].log

    assert told == list(range(1_000, 0, -1))
