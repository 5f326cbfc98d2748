"""What opens, bounds and ends an event stream: budgets, tokens, clients that leave or take nothing."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.db.models import F
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.tokens import _refresh_token
from catalog.models import Product
from core.errors import Unavailable
from core.protocols.live.events import block, end_block
from tests.support.api import access_token
from tests.support.events import EventClient, flood, listening, stalled_client, was_reset
from tests.support.factories import make_product, make_user
from tests.support.live import Shop

EVENTS, SLOW_AFTER_S = "/api/v1/products/events", 1
CLIENTS = 200

Listen = Callable[..., EventClient]


@pytest.fixture(scope="module")
def narrow(live_shops) -> Shop:
    """A server with a single web thread, which is quick to give up a client."""
    return live_shops(WEB_THREADS="1", STREAM_STALL_S=str(SLOW_AFTER_S), STREAM_HEARTBEAT_S="0.5", LOG_LEVEL="INFO")


@pytest.fixture
def listen() -> Iterator[Listen]:
    with listening() as listen:
        yield listen


def sell(shop: Shop, product: Product) -> None:
    with shop.database():
        Product.objects.filter(pk=product.pk).update(stock=F("stock") - 1)


def product_in(shop: Shop, **fields: object) -> Product:
    with shop.database():
        return make_product(**fields)


# -- How it is written ------------------------------------------------------------------------------------------


def test_block_has_a_line_for_each_field_and_ends_with_a_blank_one():
    assert block(event="product", data={"name": "Tea\n"}, cursor="7", retry_ms=2000) == (
        b'retry: 2000\nid: 7\nevent: product\ndata: {"name":"Tea\\n"}\n\n'
    )
    assert block(cursor="7") == b"id: 7\n\n"


def test_end_says_why_and_when_to_come_back():
    (retry, *_, data), end = end_block(Unavailable("Closed", retry_after_s=3), "7").split(b"\n")[:4], b"\n\n"

    assert (retry, end) == (b"retry: 3000", b"\n\n")
    assert json.loads(data.removeprefix(b"data: "))["code"] == "unavailable"


# -- No thread is held ------------------------------------------------------------------------------------------


def test_fifty_streams_leave_the_only_thread_to_plain_requests(narrow, listen):
    product = product_in(narrow, stock=5)
    clients = [listen(narrow.url + EVENTS) for _ in range(50)]

    answers = [httpx.get(f"{narrow.url}/api/v1/products/{product.pk}") for _ in range(10)]
    sell(narrow, product)

    assert [answer.json()["stock"] for answer in answers] == [5] * 10
    assert {client.wait_for("product")[0].data["new_stock"] for client in clients} == {4}


def test_two_hundred_clients_are_told_the_same_in_the_same_order(narrow, listen):
    product = product_in(narrow, stock=1_000)
    clients = [listen(narrow.url + EVENTS) for _ in range(CLIENTS)]

    for _ in range(20):
        sell(narrow, product)

    told = {tuple(block.data["new_stock"] for block in client.wait_for("product", 20)) for client in clients}
    assert told == {tuple(range(999, 979, -1))}


def test_stream_is_one_line_in_the_log_when_it_is_over(narrow, listen):
    client = listen(narrow.url + EVENTS)
    name = client.headers["x-request-id"]
    before = lines_of(narrow, name)
    time.sleep(0.3)
    client.leave()

    client.wait_until(lambda: lines_of(narrow, name), "a line in the log")
    (line,) = lines_of(narrow, name)
    assert before == []
    assert (line["path"], line["status"], line["duration_ms"] >= 300) == (EVENTS, 200, True)


def lines_of(shop: Shop, request_id: str) -> list[dict]:
    lines = [json.loads(line) for line in shop.servers[0].log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["request_id"] == request_id]


# -- Clients that take nothing ----------------------------------------------------------------------------------


def test_client_that_takes_nothing_is_cut_off_and_costs_the_others_nothing(narrow, listen):
    product, other = product_in(narrow, stock=10), listen(narrow.url + EVENTS)
    stalled = stalled_client(narrow.servers[0].port, EVENTS)
    with narrow.database():
        flood()

    sell(narrow, product)

    other.wait_until(lambda: product.pk in {block.data["product_id"] for block in other.of("product")}, "the sale")
    other.wait_until(lambda: "slow_reader" in narrow.servers[0].log, "in the log that it was cut off")
    assert was_reset(stalled)
    assert not other.is_over.is_set()


# -- Who may listen, and how long -------------------------------------------------------------------------------


def short_token(user: User, seconds: float) -> str:
    token: AccessToken = _refresh_token(user).access_token
    token.set_exp(lifetime=timedelta(seconds=seconds))
    return str(token)


def test_token_that_expires_ends_the_stream_with_the_code(narrow, listen):
    product = product_in(narrow, stock=5)
    with narrow.database():
        user = make_user()
        client, lasting = (
            listen(narrow.url + EVENTS, token=token) for token in (short_token(user, 6), access_token(user))
        )
    sell(narrow, product)
    client.wait_for("product")
    client.wait_for_end()

    assert [block.event for block in client.blocks if block.event] == ["product", "end"]
    assert client.blocks[-1].data == {
        "error": "The token has expired: resume from the last cursor with a new token",
        "code": "unauthenticated",
        "request_id": client.headers["x-request-id"],
    }
    assert (client.error, lasting.is_over.is_set()) == (None, False)
    sell(narrow, product)
    again = listen(narrow.url + EVENTS, after=client.cursor)
    assert [block.data["new_stock"] for block in again.wait_for("product")] == [3]


def test_caller_holds_so_many_streams_and_one_that_leaves_makes_room(live_shop, listen):
    shop = live_shop(RATE_LIMITS="on", STREAMS_PER_CALLER="2")
    with shop.database():
        token = access_token(make_user())
    first, _ = listen(shop.url + EVENTS), listen(shop.url + EVENTS)

    refused = listen(shop.url + EVENTS)
    someone_else = listen(shop.url + EVENTS, token=token)
    first.leave()

    assert (refused.status, json.loads(refused.body)["code"]) == (429, "rate_limited")
    assert json.loads(refused.body)["error"] == "Rate limit exceeded: open streams max is 2"
    assert (refused.headers["retry-after"], json.loads(refused.body)["retry_after"]) == ("10", 10)
    assert someone_else.status == 200
    first.wait_until(lambda: listen(shop.url + EVENTS).status == 200, "room for another")


def test_stream_counts_as_one_request(live_shop, listen):
    shop = live_shop(RATE_LIMITS="on", RATE_ANONYMOUS_PER_MINUTE="3")
    wait_for_a_fresh_minute()

    statuses = [listen(shop.url + EVENTS).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert httpx.get(f"{shop.url}/api/v1/products").status_code == 429


def wait_for_a_fresh_minute() -> None:
    """Budgets begin anew at each full minute: a test that counts must not lie across it."""
    left = 60 - time.time() % 60
    if left < 15:
        time.sleep(left + 0.1)


def test_clients_that_leave_leave_no_connection_to_the_database_behind(live_shop, listen, requires_postgresql):
    shop = live_shop(STREAM_THREADS="2", WEB_THREADS="2")
    for _ in range(3):
        for client in [listen(shop.url + EVENTS, after="0") for _ in range(20)]:
            client.leave()

    with shop.database(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert 0 < cursor.fetchone()[0] <= 5  # 2 of the web, 2 of streams, 1 of the feed's reader
