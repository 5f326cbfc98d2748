"""The headers that tell a browser what a response may do: on every response, whatever makes it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.test import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.protocols.message_pages import POLICY
from tests.support.factories import make_product
from tests.support.graph import MEDIA_TYPE
from tests.support.live import Shop

DATA = "default-src 'none'; frame-ancestors 'none'"
ALWAYS = {
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
HSTS = {"strict-transport-security": "max-age=31536000; includeSubDomains; preload"}
PROXIED = {"x-forwarded-proto": "https"}
PRODUCT = "/api/v1/products/1"
CALL = "/ecommerce.ProductService/GetProduct"
JSON = {"content-type": "application/json"}
SUBSCRIPTION = json.dumps({"query": "subscription { productUpdated { kind } }"})

# Method, path, the request's headers and body, and the status of the response.
REQUESTS: dict[str, tuple[str, str, dict[str, str], Any, int]] = {
    "REST": ("GET", PRODUCT, {}, None, 200),
    "HEAD": ("HEAD", PRODUCT, {}, None, 200),
    "OPTIONS": ("OPTIONS", PRODUCT, {}, None, 200),
    "v2 in XML": ("GET", "/api/v2/products", {"accept": "text/xml"}, None, 200),
    "not modified": ("GET", PRODUCT, {"if-none-match": "*"}, None, 304),
    "bad input": ("GET", "/api/v1/products?page=x", {}, None, 400),
    "no token": ("GET", "/api/v1/orders", {}, None, 401),
    "unknown path of the API": ("GET", "/api/nothing", {}, None, 404),
    "wrong method": ("DELETE", "/api/v1/products", {}, None, 405),
    "not acceptable": ("GET", PRODUCT, {"accept": "image/png"}, None, 406),
    "too large": ("POST", "/api/v1/users", JSON, b"x" * 3_000, 413),
    "media type": ("POST", "/api/v1/auth/token", {"content-type": "text/plain"}, b"x", 415),
    "Content-Type that can't be parsed": ("POST", "/graphql", {"content-type": "a/b; c*=none''d"}, b"x", 400),
    "host that is not served": ("GET", PRODUCT, {"host": "evil.example"}, None, 400),
    "OpenAPI": ("GET", "/api/schema", {}, None, 200),
    "problem": ("GET", "/api/problems/not_found", {}, None, 200),
    "GraphQL": ("POST", "/graphql", JSON, b'{"query": "{ __typename }"}', 200),
    "GraphQL that is refused": ("POST", "/graphql", JSON | {"accept": MEDIA_TYPE}, b"{", 400),
    "Connect": ("POST", CALL, JSON, b'{"id": 1}', 200),
    "Connect GET": ("GET", f"{CALL}?connect=v1&encoding=json&message=%7B%22id%22:1%7D", {}, None, 200),
    "Connect that is refused": ("POST", CALL, JSON, b'{"id": 0}', 404),
    "Connect, too large": ("POST", CALL, JSON, b"x" * 3_000, 429),
    "Connect, media type": ("POST", CALL, {"content-type": "text/plain"}, b"x", 415),
    "Connect, no such method": ("POST", "/ecommerce.ProductService/None", JSON, b"{}", 501),
    "gRPC-Web": ("POST", CALL, {"content-type": "application/grpc-web+proto"}, b"\0\0\0\0\2\x08\1", 200),
    "gRPC-Web that is refused": ("POST", CALL, {"content-type": "application/grpc-web"}, b"\0\0\0\0\0", 200),
    "health": ("GET", "/health/live", {}, None, 200),
    "health, wrong method": ("POST", "/health/ready", {}, None, 405),
    "file": ("GET", "/static/shop/favicon.svg", {}, None, 200),
    "file not modified": (
        "GET",
        "/static/shop/favicon.svg",
        {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        None,
        304,
    ),
    "no such file": ("GET", "/static/none.js", {}, None, 404),
    "unknown path": ("GET", "/nothing", {}, None, 404),
}
PAGES_FOR_PEOPLE = ("no such file", "unknown path")
STREAMS = {
    "event stream": ("GET", "/api/v1/products/events", {}, None),
    "GraphQL's event stream": ("POST", "/graphql", JSON | {"accept": "text/event-stream"}, SUBSCRIPTION),
    "gRPC-Web's stream": (
        "POST",
        "/ecommerce.ProductService/WatchProducts",
        {"content-type": "application/grpc-web+proto"},
        b"\0\0\0\0\0",
    ),
}


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    shop: Shop = live_shops(HTTPS="on", TRUST_PROXY="on", MAX_BODY_BYTES="2000")
    with shop.database():
        make_product(name="Tea", pk=1)
    return shop


@pytest.fixture(scope="module")
def browser(shop: Shop) -> Iterator[httpx.Client]:
    """A client behind a proxy that speaks HTTPS."""
    with httpx.Client(base_url=shop.url, headers=PROXIED, timeout=30) as client:
        yield client


def security_headers_of(response: Any) -> dict[str, str]:
    names = (*ALWAYS, *HSTS, "content-security-policy")
    return {name: response.headers[name] for name in names if name in response.headers}


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_kind_of_response_has_the_headers_once(browser: httpx.Client, kind: str) -> None:
    method, path, headers, body, status = REQUESTS[kind]

    response = browser.request(method, path, headers=headers, content=body)

    assert response.status_code == status
    policy = POLICY if kind in PAGES_FOR_PEOPLE else DATA
    assert security_headers_of(response) == {"content-security-policy": policy} | ALWAYS | HSTS


@pytest.mark.parametrize("kind", STREAMS)
def test_every_kind_of_stream_has_the_headers(browser: httpx.Client, kind: str) -> None:
    method, path, headers, body = STREAMS[kind]

    with browser.stream(method, path, headers=headers, content=body) as response:
        assert response.status_code == 200
        assert security_headers_of(response) == {"content-security-policy": DATA} | ALWAYS | HSTS


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/nothing", {}, 404),
        ("/graphql", {"origin": "https://elsewhere.example"}, 403),
        ("/ws/prices", {"authorization": "Bearer x"}, 401),
    ],
)
def test_websocket_that_is_refused_has_the_headers(shop: Shop, path, headers, status) -> None:
    url = shop.url.replace("http", "ws") + path

    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=PROXIED | headers):
        pass

    assert refused.value.response.status_code == status
    assert security_headers_of(refused.value.response) == {"content-security-policy": DATA} | ALWAYS | HSTS


def test_refusal_of_a_server_that_is_busy_has_the_headers(live_shop) -> None:
    shop = live_shop(WEB_THREADS="0", WEB_QUEUE="0")

    responses = [httpx.get(f"{shop.url}{PRODUCT}"), httpx.post(f"{shop.url}{CALL}", json={"id": 1})]

    assert [response.status_code for response in responses] == [503, 503]
    assert [security_headers_of(response) for response in responses] == [{"content-security-policy": DATA} | ALWAYS] * 2


@pytest.mark.parametrize("path", [PRODUCT, "/health/live", "/admin/"])
def test_there_is_no_hsts_over_plain_http(shop: Shop, path: str) -> None:
    response = httpx.get(f"{shop.url}{path}")

    assert response.status_code == (200 if path == "/health/live" else 301)
    assert set(security_headers_of(response)) == {"content-security-policy", *ALWAYS}


# -- Pages ------------------------------------------------------------------------------------------------------
SAME_FOR_PAGES = {
    "default-src": "'none'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
ADMIN = {"script-src": "'self' 'unsafe-eval'", "style-src": "'self' 'unsafe-inline'"}
DOCS = {"script-src": "'self'", "style-src": "'self'"}


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/admin/login/", ADMIN),
        ("/admin/jsi18n/", ADMIN),
        ("/admin/nothing/", ADMIN),
        ("/api/docs", DOCS),
    ],
)
def test_page_may_run_the_scripts_of_the_shop_alone(browser: httpx.Client, path, policy) -> None:
    headers = security_headers_of(browser.get(path))

    named = dict(part.split(" ", 1) for part in headers.pop("content-security-policy").split("; "))
    assert named == SAME_FOR_PAGES | policy
    assert headers == ALWAYS | HSTS


@pytest.mark.parametrize("path", ["/", "/docs/", "/graphql", "/nothing"])
def test_page_without_eval_or_inline_code_has_all_headers(browser: httpx.Client, path: str) -> None:
    headers = security_headers_of(browser.get(path, headers={"accept": "text/html"}))

    policy = headers.pop("content-security-policy")
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert headers == ALWAYS | HSTS


@pytest.mark.parametrize("path", ["/admin/login/", "/api/docs"])
def test_page_has_no_script_inline(browser: httpx.Client, path: str) -> None:
    page = browser.get(path).text

    assert re.search(r"<script (defer )?src=", page)
    assert "<script>" not in page
    assert " onclick=" not in page


@pytest.mark.django_db
def test_headers_are_django_s_own_where_no_event_loop_runs() -> None:
    response = Client().get("/api/v1/products")

    assert security_headers_of(response) == {"content-security-policy": DATA} | ALWAYS
