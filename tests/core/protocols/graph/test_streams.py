"""GraphQL as event streams: graphql-sse's "distinct connections mode" at /graphql."""

import json
from typing import Any

import httpx
import pytest

from catalog.models import Product
from core.feed.events import position_now
from tests.support.api import BRIEF_S, brief_token
from tests.support.factories import make_product, make_user
from tests.support.live import LONG_GRACE, WITHOUT_GRACE_S, Shop

EVENTS = {"Accept": "text/event-stream"}
PRODUCTS = "subscription($id: Int, $after: String) { productUpdated(id: $id, after: $after) { kind newStock cursor } }"


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops()


def ask(shop: Shop, query: str, headers: Any = EVENTS, **variables: Any) -> httpx.Response:
    body = {"query": query, "variables": variables}
    return httpx.post(f"{shop.url}/graphql", json=body, headers=headers, timeout=30)


def results_in(response: httpx.Response) -> list[Any]:
    """Return the results of a stream that is complete."""
    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    *blocks, last, rest = response.text.split("\n\n")
    assert (last, rest) == ("event: complete\ndata:", "")
    assert all(block.startswith("event: next\ndata: ") for block in blocks)
    return [json.loads(block.removeprefix("event: next\ndata: ")) for block in blocks]


def test_query_is_a_stream_of_one_result(shop: Shop) -> None:
    (result,) = results_in(ask(shop, "{ __typename }"))

    assert result["data"] == {"__typename": "Query"}


def test_mutation_is_a_stream_of_one_result(shop: Shop) -> None:
    (result,) = results_in(ask(shop, "mutation { deleteProduct(id: 1) { ok } }"))

    assert result["data"] == {"deleteProduct": None}
    assert result["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nothing }", "INVALID_INPUT"),
        ("subscription { productUpdated(id: 2000000000) { kind } }", "NOT_FOUND"),
        ("subscription { orderUpdated { kind } }", "UNAUTHENTICATED"),
    ],
)
def test_refused_operation_is_a_stream_of_its_errors(shop: Shop, query: str, code: str) -> None:
    (result,) = results_in(ask(shop, query))

    assert [error["extensions"]["code"] for error in result["errors"]] == [code]
    assert "data" not in result


@pytest.mark.parametrize(("cursor", "code"), [("x", "INVALID_INPUT"), ("999999999", "CURSOR_EXPIRED")])
def test_bad_cursor_is_told_on_the_stream(shop: Shop, cursor: str, code: str) -> None:
    response = ask(shop, PRODUCTS, after=cursor)

    blocks = response.text.split("\n\n")
    assert response.status_code == 200
    assert json.loads(blocks[0].partition("data: ")[2])["errors"][0]["extensions"]["code"] == code
    assert blocks[1:] == ["event: complete\ndata:", ""]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (EVENTS | {"Authorization": "Bearer nonsense"}, 401, "UNAUTHENTICATED"),
        ({"Accept": "application/json"}, 200, "INVALID_INPUT"),
        ({"Accept": "application/graphql-response+json"}, 400, "INVALID_INPUT"),
        ({"Accept": "*/*"}, 200, "INVALID_INPUT"),
    ],
)
def test_subscription_that_can_not_be_streamed_is_refused_as_json(shop: Shop, headers, status: int, code: str) -> None:
    response = ask(shop, PRODUCTS, headers)

    assert response.status_code == status
    assert "json" in response.headers["content-type"]
    assert response.json()["errors"][0]["extensions"]["code"] == code


def test_subscription_by_get_is_refused(shop: Shop) -> None:
    headers = EVENTS | {"GraphQL-Require-Preflight": "1"}

    response = httpx.get(f"{shop.url}/graphql", params={"query": PRODUCTS}, headers=headers)

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_subscription_tells_every_event_with_its_cursor(shop: Shop) -> None:
    with shop.database():
        position = str(position_now())
        product = make_product(stock=3)
        Product.objects.filter(pk=product.pk).update(stock=2)
    body = {"query": PRODUCTS, "variables": {"id": product.pk, "after": position}}
    told: list[Any] = []

    with httpx.stream("POST", f"{shop.url}/graphql", json=body, headers=EVENTS, timeout=30) as response:
        for line in response.iter_lines():
            told += [line] if line and not line.startswith(":") else []
            if len(told) == 6:
                break

    cursors = [str(int(position) + n) for n in (1, 2)]
    assert response.headers["content-type"] == "text/event-stream"
    assert told[0::3] == [f"id: {cursor}" for cursor in cursors]
    assert told[1::3] == ["event: next"] * 2
    assert [json.loads(line.removeprefix("data: ")) for line in told[2::3]] == [
        {"data": {"productUpdated": {"kind": kind, "newStock": stock, "cursor": cursor}}}
        for kind, stock, cursor in zip(("created", "updated"), (3, 2), cursors, strict=True)
    ]


def test_streams_of_a_caller_are_limited(live_shop) -> None:
    shop = live_shop(RATE_LIMITS="on", STREAMS_PER_CALLER="1")
    body = {"query": "subscription { productUpdated { kind } }"}

    with httpx.stream("POST", f"{shop.url}/graphql", json=body, headers=EVENTS, timeout=30) as first:
        refused = ask(shop, body["query"])

    assert (first.status_code, refused.status_code) == (200, 429)
    assert refused.json()["errors"][0]["message"] == "Rate limit exceeded: open streams max is 1"


def test_token_that_expires_ends_the_stream_with_its_code(shop: Shop) -> None:
    with shop.database():
        user = make_user(password="a-long-password")
    headers = EVENTS | {"Authorization": f"Bearer {brief_token(user, BRIEF_S)}"}

    response = ask(shop, "subscription { orderUpdated { kind } }", headers)

    result, complete = response.text.split("\n\n")[-3:-1]
    assert json.loads(result.partition("data: ")[2])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert complete == "event: complete\ndata:"


def test_server_that_ends_cuts_the_stream_without_completing_it(live_shop) -> None:
    shop = live_shop(processes=0)
    shop.start(1, *LONG_GRACE)
    body = {"query": "subscription { productUpdated { kind } }"}

    with httpx.stream("POST", f"{shop.url}/graphql", json=body, headers=EVENTS, timeout=30) as response:
        lines = response.iter_lines()
        assert next(lines) == ":"
        seconds = shop.servers[0].stop()
        rest = [line for line in lines if line]

    assert rest == [": unavailable: The server is shutting down: resume from the last cursor"]
    assert seconds < WITHOUT_GRACE_S
