"""Behind a trusted proxy, streams of every transport count for the /64 that the proxy names."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.support.live import Shop
from tests.support.sockets import PROTOCOL, opened

TRANSPORTS = ["SSE", "Connect", "/ws/prices", "GraphQL"]
FRAME = b"\x00\x00\x00\x00\x02{}"  # the message of a Connect stream, as JSON


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """One stream for each caller; 127.0.0.1 is a trusted proxy."""
    return live_shops(RATE_LIMITS="on", STREAMS_PER_CALLER="1", FORWARDED_ALLOW_IPS="127.0.0.1")


@contextmanager
def event_stream(url: str, address: str) -> Iterator[int]:
    headers = {"X-Forwarded-For": f"198.51.100.1, {address}"}
    with httpx.stream("GET", f"{url}/api/v1/products/events", headers=headers) as response:
        yield response.status_code


def status_over(transport: str, url: str, address: str) -> int:
    """Open a stream and leave it; return the status that HTTP has for the answer."""
    headers = {"X-Forwarded-For": address}
    if transport == "SSE":
        with event_stream(url, address) as status:
            return status
    if transport == "Connect":
        kind = {"Content-Type": "application/connect+json"}
        path = "/ecommerce.ProductService/WatchProducts"
        with httpx.stream("POST", url + path, content=FRAME, headers=headers | kind, timeout=30) as response:
            return response.status_code if "cursor" in response.headers else 429
    path, protocols = ("/ws/prices", None) if transport == "/ws/prices" else ("/graphql", [PROTOCOL])
    try:
        with opened(url, path, additional_headers=headers, subprotocols=protocols) as connection:
            if protocols:
                connection.send(json.dumps({"type": "connection_init"}))
            connection.recv(30)
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_streams_of_one_64_share_their_limit_over_every_transport(shop: Shop, transport: str) -> None:
    network = f"2001:db8:1:{TRANSPORTS.index(transport) + 2}"  # of this test: a stream that is left ends a moment later

    with event_stream(shop.url, f"{network}::1") as first:
        same = status_over(transport, shop.url, f"{network}:ffff::9")
        other = status_over(transport, shop.url, f"2001:db8:2:{TRANSPORTS.index(transport)}::1")

    assert (first, same) == (200, 429)
    assert other == (101 if transport in ("/ws/prices", "GraphQL") else 200)


def test_proxy_that_names_no_address_has_one_limit_over_every_transport(shop: Shop) -> None:
    with event_stream(shop.url, "unknown") as first:
        others = [status_over(transport, shop.url, "x" * 3_000) for transport in TRANSPORTS]

    assert (first, others) == (200, [429] * len(TRANSPORTS))
