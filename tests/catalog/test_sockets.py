"""/ws/prices: every change of a product to every client, and prices from staff."""

import json
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from accounts.models import User
from catalog.models import Product
from core.feed.events import events_after
from tests.support.api import BRIEF_S, access_token, brief_token
from tests.support.factories import make_product, make_user
from tests.support.live import LONG_GRACE, WITHOUT_GRACE_S, Shop
from tests.support.sockets import position_in, socket_client

PATH = "/ws/prices"


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """Two processes, for the tests that need no settings of their own."""
    return live_shops(processes=2)


def make_person(**fields: Any) -> User:
    """A user whose token is good at the servers: it tells of the password's hash."""
    return make_user(password="a-long-password", **fields)


def make_clerk() -> User:
    return make_person(is_staff=True)


# -- What is told -----------------------------------------------------------------------------------------------


def test_every_change_is_told_in_order_from_where_the_stream_begins(shop: Shop) -> None:
    with socket_client(shop.url, PATH) as client:
        start = client.receive()
        with shop.database():
            product = make_product(price="3.50", stock=5)
            Product.objects.filter(pk=product.pk).update(stock=4)
            Product.objects.filter(pk=product.pk).delete()
        told = [client.receive() for _ in range(3)]
    with shop.database():
        times = [int(event.at.timestamp()) for event in events_after(int(start["cursor"]))]

    assert start.keys() == {"cursor"}
    assert told == [
        {
            "product_id": product.pk,
            "new_price": 3.5,
            "new_stock": stock,
            "timestamp": times[n],
            "kind": kind,
            "cursor": str(int(start["cursor"]) + n + 1),
        }
        for n, (stock, kind) in enumerate([(5, "created"), (4, "updated"), (4, "deleted")])
    ]


def test_client_takes_up_again_from_its_cursor_at_another_process(shop: Shop) -> None:
    with shop.database():
        product = make_product(stock=9)
    position = position_in(shop)
    with shop.database():
        for stock in (8, 7, 6):
            Product.objects.filter(pk=product.pk).update(stock=stock)

    with socket_client(shop.urls[0], f"{PATH}?after={position}") as client:
        start, first = client.receive(), client.receive()
    with socket_client(shop.urls[1], PATH) as client:
        client.receive()
        client.send({"after": first["cursor"]})
        rest = [client.receive() for _ in range(3)]

    assert (start, first["new_stock"]) == ({"cursor": position}, 8)
    assert rest[0] == {"cursor": first["cursor"]}
    assert [update["new_stock"] for update in rest[1:]] == [7, 6]


@pytest.mark.parametrize(("cursor", "code"), [("x", 4400), ("999999999", 4410)])
def test_bad_cursor_closes_with_its_code(shop: Shop, cursor: str, code: int) -> None:
    names = {4400: "invalid_input: ", 4410: "cursor_expired: "}

    with socket_client(shop.url, f"{PATH}?after={cursor}") as client:
        at_start = client.closed()
    with socket_client(shop.url, PATH) as client:
        client.send({"after": cursor})
        later = client.closed()

    assert at_start == later
    assert (at_start[0], at_start[1].startswith(names[code])) == (code, True)


# -- What is taken ----------------------------------------------------------------------------------------------


def test_price_of_staff_reaches_every_client_and_changes_nothing_else(shop: Shop) -> None:
    with shop.database():
        clerk, product = make_clerk(), make_product(price="3.50", stock=5)

    with (
        socket_client(shop.urls[0], PATH, access_token(clerk)) as sender,
        socket_client(shop.urls[1], PATH) as reader,
    ):
        sender.receive(), reader.receive()
        sender.send({"product_id": product.pk, "new_price": 4.25, "new_stock": 99})
        told = sender.receive(), reader.receive()

    assert told[0] == told[1]
    assert (told[0]["product_id"], told[0]["new_price"], told[0]["new_stock"]) == (product.pk, 4.25, 5)
    with shop.database():
        assert Product.objects.values_list("price", "stock").get(pk=product.pk) == (Decimal("4.25"), 5)


@pytest.mark.parametrize("who", ["nobody", "customer"])
def test_price_of_anybody_else_is_refused_to_the_sender_alone(shop: Shop, who: str) -> None:
    with shop.database():
        product = make_product(price="3.50")
        token = access_token(make_person()) if who == "customer" else None

    with socket_client(shop.url, PATH, token) as sender, socket_client(shop.url, PATH) as reader:
        sender.receive(), reader.receive()
        sender.send({"product_id": product.pk, "new_price": 4})
        answer = sender.receive()
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=1)
        told = sender.receive(), reader.receive()

    assert answer == {
        "product_id": product.pk,
        "error_code": {"nobody": "unauthenticated", "customer": "forbidden"}[who],
        "error_message": {"nobody": "Authorization required", "customer": "Not permitted"}[who],
    }
    assert [update["new_price"] for update in told] == [3.5, 3.5]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"product_id": 2_000_000_000, "new_price": 1}, "not_found"),
        ({"product_id": 10**30, "new_price": 1}, "not_found"),
        ({"product_id": 0, "new_price": 1}, "not_found"),
        ({"product_id": 1, "new_price": 0}, "invalid_input"),
        ({"product_id": 1, "new_price": "dear"}, "invalid_input"),
        ({"product_id": 1, "new_price": None}, "invalid_input"),
        ({"product_id": 1, "new_price": 1.234}, "invalid_input"),
        ({"product_id": 1}, "invalid_input"),
        ({"product_id": "1", "new_price": 1}, "invalid_input"),
        ({"product_id": True, "new_price": 1}, "invalid_input"),
        ({"new_price": 1}, "invalid_input"),
        ({}, "invalid_input"),
        ({"authorization": 5}, "invalid_input"),
        ({"authorization": "Bearer nonsense"}, "unauthenticated"),
        ({"authorization": "Bearer ключ"}, "unauthenticated"),
        ("[]", "invalid_input"),
        ("{", "invalid_input"),
        ('{"product_id": 1, "new_price": NaN}', "invalid_input"),
        (b"{}", "invalid_input"),
    ],
)
def test_refused_item_is_answered_and_the_stream_goes_on(shop: Shop, item: Any, code: str) -> None:
    with shop.database():
        clerk = make_clerk()

    with socket_client(shop.url, PATH, access_token(clerk)) as client:
        client.receive()
        client.send(item)
        answer = client.receive()
        with shop.database():
            product = make_product()
        told = client.receive()

    number = item.get("product_id") if isinstance(item, dict) else None
    assert answer["product_id"] == (number if type(number) is int else None)
    assert answer["error_code"] == code
    assert answer["error_message"]
    assert told["product_id"] == product.pk


# -- Who sends --------------------------------------------------------------------------------------------------


def test_token_may_come_as_a_message_and_is_renewed_by_another(shop: Shop) -> None:
    with shop.database():
        clerk, product = make_clerk(), make_product()
    brief, long = (f"Bearer {brief_token(clerk, seconds)}" for seconds in (BRIEF_S, 60))

    with socket_client(shop.url, PATH) as client:
        client.receive()
        client.send({"authorization": brief})
        first = client.receive()
        client.send({"authorization": long})
        second = client.receive()
        seconds = second["expires_at"] - first["expires_at"]
        with pytest.raises(TimeoutError):
            client.connection.recv(timeout=BRIEF_S + 0.5)  # past the end of the first
        client.send({"product_id": product.pk, "new_price": 4})
        told = client.receive()

    assert 54 <= seconds <= 56
    assert (told["product_id"], told["new_price"]) == (product.pk, 4.0)


def test_token_that_expires_ends_the_stream_with_4401(shop: Shop) -> None:
    with shop.database():
        clerk = make_clerk()

    with socket_client(shop.url, PATH, brief_token(clerk, BRIEF_S)) as client:
        assert client.closed() == (
            4401,
            "unauthenticated: The token has expired: resume from the last cursor with a new token",
        )


def test_role_that_was_taken_away_counts_at_once(shop: Shop) -> None:
    with shop.database():
        clerk, product = make_clerk(), make_product(price="3.50")

    with socket_client(shop.url, PATH, access_token(clerk)) as client:
        client.receive()
        with shop.database():
            User.objects.filter(pk=clerk.pk).update(is_staff=False)
        client.send({"product_id": product.pk, "new_price": 4})

        assert client.receive()["error_code"] == "forbidden"
    with shop.database():
        assert Product.objects.get(pk=product.pk).price == Decimal("3.50")


def test_bad_token_is_refused_as_a_request_is(shop: Shop) -> None:
    with pytest.raises(InvalidStatus) as refused, socket_client(shop.url, PATH, "nonsense"):
        pass

    response = refused.value.response
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert json.loads(response.body)["code"] == "unauthenticated"
    assert not any("without completing" in server.log for server in shop.servers)


def test_streams_of_a_caller_are_limited(live_shop) -> None:
    shop = live_shop(RATE_LIMITS="on", STREAMS_PER_CALLER="1")
    with shop.database():
        clerk = make_clerk()

    with socket_client(shop.url, PATH) as client:
        client.receive()
        with pytest.raises(InvalidStatus) as refused, socket_client(shop.url, PATH):
            pass
        client.send({"authorization": f"Bearer {access_token(clerk)}"})  # now it is the clerk's
        assert "expires_at" in client.receive()
        with socket_client(shop.url, PATH) as other:
            assert "cursor" in other.receive()

    assert (refused.value.response.status_code, refused.value.response.headers["retry-after"]) == (429, "10")


def test_client_that_becomes_a_caller_with_too_many_streams_stays_who_it_was(live_shop) -> None:
    shop = live_shop(RATE_LIMITS="on", STREAMS_PER_CALLER="1")
    with shop.database():
        token = access_token(make_clerk())
    renewal = {"authorization": f"Bearer {token}"}

    with socket_client(shop.url, PATH, token) as first, socket_client(shop.url, PATH) as second:
        assert "cursor" in first.receive()
        assert "cursor" in second.receive()
        first.send(renewal)  # its own seat is no hindrance
        assert "expires_at" in first.receive()
        second.send(renewal)
        assert second.receive()["error_code"] == "rate_limited"
        with pytest.raises(InvalidStatus) as refused, socket_client(shop.url, PATH):
            pass

    assert refused.value.response.status_code == 429


def test_server_that_ends_tells_so(live_shop) -> None:
    shop = live_shop(processes=0)
    shop.start(1, *LONG_GRACE)

    with socket_client(shop.url, PATH) as client:
        client.receive()
        seconds = shop.servers[0].stop()

        assert client.closed() == (1001, "unavailable: The server is shutting down: resume from the last cursor")
    assert seconds < WITHOUT_GRACE_S
