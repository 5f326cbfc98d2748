"""Server-Timing: in demo mode every kind of response has it, otherwise none."""

import re

import httpx
import pytest

from tests.support.factories import make_product

GRPC_WEB = {"content-type": "application/grpc-web+proto"}
QUESTION = {"query": "{ allProducts(first: 1) { edges { node { name } } } }"}


def responses_of(url: str) -> list[httpx.Response]:
    with httpx.Client(base_url=url) as client:
        return [
            client.get("/api/v1/products/1"),  # by the fast path
            client.get("/api/v1/products/1", headers={"x-other": "1"}),
            client.post("/graphql", json=QUESTION),
            client.post("/ecommerce.ProductService/GetProduct", headers=GRPC_WEB, content=b"\0\0\0\0\x02\x08\x01"),
        ]


@pytest.mark.parametrize("mode", ["on", "off"])
def test_time_and_statements_are_sent_only_in_demo_mode(live_shop, mode: str) -> None:
    shop = live_shop(DEMO_MODE=mode)
    with shop.database():
        make_product(pk=1)

    timings = [response.headers.get("server-timing") for response in responses_of(shop.url)]

    if mode == "off":
        assert timings == [None] * 4
    else:
        assert [re.sub(r"dur=[\d.]+", "dur=", timing) for timing in timings] == [
            'app;dur=, sql;desc="1 statements"'
        ] * 4
