"""Live products as event streams: real processes, real sockets, two servers on one database."""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.db import connection, transaction

from catalog.models import Product
from core.feed.events import position_now
from core.models import ChangeEvent
from tests.support.api import Api, access_token
from tests.support.events import EventClient, listening
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop

Listen = Callable[..., EventClient]


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """Two servers on one database."""
    return live_shops(processes=2, STREAM_HEARTBEAT_S="0.5")


@pytest.fixture
def listen() -> Iterator[Listen]:
    with listening() as listen:
        yield listen


def product_in(shop: Shop, **fields: object) -> Product:
    with shop.database():
        return make_product(**fields)


def change(shop: Shop, product: Product, **fields: object) -> None:
    with shop.database():
        Product.objects.filter(pk=product.pk).update(**fields)


def here(shop: Shop) -> str:
    with shop.database():
        return str(position_now())


def events_url(shop: Shop, product: Product | None = None, server: int = 0) -> str:
    path = f"/api/v1/products/{product.pk}/events" if product else "/api/v1/products/events"
    return shop.urls[server] + path


# -- What is told -----------------------------------------------------------------------------------------------


def test_stream_begins_with_its_place_and_tells_every_change_in_order(shop, listen):
    product, other = product_in(shop, price=5, stock=3), product_in(shop)
    position = here(shop)
    client = listen(events_url(shop, product))
    client.wait_until(lambda: client.blocks, "the beginning")

    change(shop, product, price="19.99")
    change(shop, other, price=1)
    with shop.database(), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [product.pk])
        Product.objects.filter(pk=product.pk).delete()

    told = client.wait_for("product", 3)
    assert (client.blocks[0].cursor, client.blocks[0].retry_ms, client.blocks[0].data) == (position, 2000, None)
    facts = [{name: value for name, value in block.data.items() if name != "timestamp"} for block in told]
    assert facts == [
        {"product_id": product.pk, "new_price": 19.99, "new_stock": 3, "kind": "updated"},
        {"product_id": product.pk, "new_price": 19.99, "new_stock": 2, "kind": "updated"},
        {"product_id": product.pk, "new_price": 19.99, "new_stock": 2, "kind": "deleted"},
    ]
    assert [int(block.cursor) - int(position) for block in told] == [1, 3, 4]
    assert abs(told[0].data["timestamp"] - time.time()) < 60


def test_stream_of_v2_has_money_as_v2_has_it_and_the_same_cursors(shop, listen):
    product = product_in(shop, price=5, stock=3)
    position = here(shop)
    client = listen(events_url(shop, product).replace("/v1/", "/v2/"))
    client.wait_until(lambda: client.blocks, "the beginning")

    change(shop, product, price="19.99")

    (told,) = client.wait_for("product", 1)
    assert told.data["new_price"] == {"amount": "19.99", "currency": "USD"}
    assert (client.blocks[0].cursor, int(told.cursor) - int(position)) == (position, 1)


@pytest.mark.parametrize(
    ("accept", "price"),
    [
        ("application/vnd.myapi.v2+json, text/event-stream", {"amount": "5.00", "currency": "USD"}),
        ("text/event-stream, application/vnd.myapi.v2+json;q=0.1", {"amount": "5.00", "currency": "USD"}),
        ("text/event-stream, application/json", 5.0),
    ],
)
def test_stream_is_of_the_version_that_is_named_beside_it(shop, listen, accept, price):
    position = here(shop)
    product_in(shop, price=5)

    (told,) = listen(f"{shop.url}/api/products/events", after=position, accept=accept).wait_for("product", 1)

    assert told.data["new_price"] == price


def test_head_says_that_it_is_a_stream_and_that_nobody_may_keep_it(shop, listen):
    head = listen(events_url(shop)).headers

    assert head["content-type"] == "text/event-stream"
    assert head["cache-control"] == "no-store"
    assert head["x-accel-buffering"] == "no"
    assert "content-length" not in head


def test_change_made_through_another_process_arrives(shop, listen):
    with shop.database():
        token = access_token(make_staff())
    client = listen(events_url(shop, server=0))

    answer = httpx.post(
        f"{shop.urls[1]}/api/v1/products",
        json={"name": "Kettle", "price": 12.5, "stock": 4},
        headers={"Authorization": f"Bearer {token}"},
    )

    (told,) = client.wait_for("product")
    assert (told.data["product_id"], told.data["new_price"], told.data["kind"]) == (
        answer.json()["id"],
        12.5,
        "created",
    )


def test_silent_stream_is_told_that_it_lives_and_where_the_feed_is(shop, listen):
    product, other = product_in(shop), product_in(shop)
    client = listen(events_url(shop, product))
    change(shop, other, stock=1)

    client.wait_until(lambda: client.cursor == here(shop), "the new position")
    client.wait_until(lambda: len([block for block in client.blocks if block.is_comment]) >= 3, "three comments")

    assert client.of("product") == []
    assert {block.event for block in client.blocks} == {""}


# -- From a cursor on -------------------------------------------------------------------------------------------


def test_what_was_is_told_before_what_comes(shop, listen):
    product = product_in(shop, stock=100)
    position = here(shop)
    for stock in (99, 98):
        change(shop, product, stock=stock)

    clients = [
        listen(events_url(shop, product), after=position),
        listen(f"{events_url(shop, product, server=1)}?last_event_id={position}"),
    ]
    change(shop, product, stock=97)

    for client in clients:
        assert [block.data["new_stock"] for block in client.wait_for("product", 3)] == [99, 98, 97]


def test_header_goes_before_the_address_that_a_browser_keeps(shop, listen):
    product = product_in(shop, stock=1)
    position = here(shop)
    change(shop, product, stock=2)

    client = listen(f"{events_url(shop, product)}?last_event_id={position}", after=here(shop))
    change(shop, product, stock=3)

    assert [block.data["new_stock"] for block in client.wait_for("product")] == [3]


def test_client_that_is_cut_off_again_and_again_misses_and_doubles_nothing(shop, listen):
    product = product_in(shop, stock=1_000)
    told: list[int] = []
    cursor, cuts = here(shop), 0
    with shop.database():
        token = access_token(make_staff())

    with ThreadPoolExecutor(1) as seller:
        selling = seller.submit(sell, f"{shop.urls[1]}/api/v1/products/{product.pk}", token, range(999, 699, -1))
        while len(told) < 300:
            client = listen(events_url(shop, product, server=cuts % 2), after=cursor)
            client.wait_for("product", min(random.randint(1, 20), 300 - len(told)))
            client.leave()
            told += [block.data["new_stock"] for block in client.of("product")]
            cursor, cuts = client.cursor, cuts + 1
        selling.result()

    assert told == list(range(999, 699, -1))
    assert cuts >= 15


def sell(url: str, token: str, stocks: range) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        for stock in stocks:
            client.patch(url, json={"stock": stock}).raise_for_status()


def test_deleted_product_still_has_a_past(shop, listen):
    product = product_in(shop)
    position = here(shop)
    with shop.database():
        Product.objects.filter(pk=product.pk).delete()

    client = listen(events_url(shop, product), after=position)

    assert [block.data["kind"] for block in client.wait_for("product")] == ["deleted"]


def test_stream_of_v2_says_why_it_begins_anew_as_v2_does(shop, listen):
    url = f"{shop.url}/api/v2/products/events"

    (reset,) = listen(url, after="999999999").wait_for("reset")

    assert (reset.data["type"], reset.data["status"]) == ("/api/problems/cursor_expired", 410)
    assert reset.data["instance"] == "/api/v2/products/events"


def test_cursor_that_is_too_old_is_told_and_the_stream_goes_on_from_now(shop, listen):
    product = product_in(shop, stock=10)
    position = here(shop)
    change(shop, product, stock=9)
    change(shop, product, stock=8)
    with shop.database():
        ChangeEvent.objects.filter(seq__lte=int(position) + 1).delete()

    client = listen(events_url(shop, product), after=position)
    (reset,) = client.wait_for("reset")
    change(shop, product, stock=7)

    assert (reset.cursor, reset.data["code"], reset.retry_ms) == (str(int(position) + 2), "cursor_expired", 2000)
    assert [block.data["new_stock"] for block in client.wait_for("product")] == [7]


def test_feed_that_loses_what_nobody_has_read_says_so_in_mid_stream(shop, listen):
    product = product_in(shop, stock=10)
    client = listen(events_url(shop, product))
    client.wait_until(lambda: client.blocks, "the beginning")

    with shop.database(), connection.cursor() as cursor:
        lost = (
            "UPDATE ecommerce_changeevent SET seq = seq + 10 WHERE seq = (SELECT max(seq) FROM ecommerce_changeevent)"
        )
        with transaction.atomic():
            Product.objects.filter(pk=product.pk).update(stock=9)
            position_now()
            cursor.execute(lost)
    client.wait_for("reset")
    change(shop, product, stock=7)

    assert [block.data["new_stock"] for block in client.wait_for("product")] == [7]


# -- Refusals ---------------------------------------------------------------------------------------------------


def test_unknown_product_is_not_found(shop, listen):
    client = listen(f"{shop.url}/api/v1/products/999999/events")

    assert (client.status, client.headers["content-type"]) == (404, "application/json")
    assert (json.loads(client.body)["error"], json.loads(client.body)["code"]) == ("Resource not found", "not_found")


@pytest.mark.parametrize("after", [None, "0"])
def test_no_product_has_the_id_that_stands_for_all_of_them(shop, listen, after):
    product_in(shop)

    client = listen(f"{shop.url}/api/v1/products/0/events", after=after)

    assert (client.status, json.loads(client.body)["code"]) == (404, "not_found")


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
@pytest.mark.parametrize("path", ["/products/events", "/products/1/events"])
def test_what_a_stream_allows_may_be_asked(shop, path, accept):
    answer = httpx.options(f"{shop.url}/api/v1{path}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["allow"]) == (200, "GET, HEAD, OPTIONS")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19])
def test_cursor_that_is_none_is_refused(shop, listen, cursor):
    clients = [listen(events_url(shop), after=cursor), listen(f"{events_url(shop)}?last_event_id={cursor}")]

    for client in clients:
        assert (client.status, json.loads(client.body)["code"]) == (400, "invalid_input")
        assert json.loads(client.body)["request_id"] == client.headers["x-request-id"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [("text/event-stream", 200), ("*/*", 200), ("text/*", 200), ("application/json", 406), ("application/xml", 406)],
)
def test_stream_is_for_those_who_accept_one(shop, listen, accept, status):
    client = listen(events_url(shop), accept=accept)

    assert client.status == status
    assert status == 200 or json.loads(client.body)["code"] == "not_acceptable"


def test_bad_token_is_refused_before_the_stream(shop, listen):
    client = listen(events_url(shop), token="none")

    assert (client.status, json.loads(client.body)["error"]) == (401, "Invalid token")
    assert client.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_head_is_answered_alone(shop):
    answer = httpx.head(events_url(shop))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")


def test_only_reading_is_allowed(shop):
    answer = httpx.post(events_url(shop))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.django_db
def test_server_without_an_event_loop_says_that_it_serves_no_streams():
    first, second = (Api(base=f"/api/{version}").get("/products/events") for version in ("v1", "v2"))

    assert (first.status_code, first.json()["code"]) == (503, "unavailable")
    assert (second.status_code, second["Content-Type"]) == (503, "application/problem+json")
