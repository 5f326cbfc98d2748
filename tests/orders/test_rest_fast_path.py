"""Orders placed on the fast path have the response of the ordinary path; others take the ordinary path."""

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from core.protocols.rest.versions import VERSIONS
from core.server.bridge.environ import begun_by_fast_path, environ_of
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.responses import WsgiResponse, encoded
from orders import actions
from orders.models import Order
from tests.support.api import access_token
from tests.support.factories import make_product, make_user
from tests.support.fast_path import on_fast_path, response_of

pytestmark = pytest.mark.django_db
CHANGES = {b"x-request-id", b"ratelimit"}  # differ between two requests


@pytest.fixture
def token() -> str:
    return access_token(make_user())


OF_A_FRONT_END = {
    "accept": "application/json, text/plain, */*;q=0.5",
    "content_type": "application/json;charset=UTF-8",
    "cookie": "_ga=GA1.1",
    "cf_ray": "8f-FRA",
}


def scope_of(token: str | None, body: bytes, path: str = "/api/v1/orders", **headers: str) -> dict[str, Any]:
    sent = {"host": "testserver:8000", "content-type": "application/json", "content-length": str(len(body))}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("192.0.2.7", 50_000),
        "server": ("testserver", 8000),
    }


def basket(*lines: tuple[Any, Any]) -> bytes:
    return json.dumps({"items": [{"product_id": pk, "quantity": units} for pk, units in lines]}).encode()


def ordinary(scope: dict[str, Any], body: bytes, result: FastPathResult = ORDINARY) -> WsgiResponse:
    """Answer by the ordinary path, as `HttpCall.respond` does after the fast path."""
    environ = environ_of(scope, body) | begun_by_fast_path(result)
    response = Client(raise_request_exception=False).request(**environ)
    return WsgiResponse(response.status_code, encoded(response.items()), response.content)


def comparable(answer: WsgiResponse) -> tuple[Any, ...]:
    """Return the answer without what differs between two orders."""
    body = re.sub(rb'"(number|created_at)":"[^"]*"|"id":\d+|/orders/\d+', b"...", answer.body)
    headers = [(name, re.sub(rb"/orders/\d+|^\d+$", b"...", value)) for name, value in answer.headers]
    return answer.status, sorted(pair for pair in headers if pair[0] not in CHANGES), body


def remaining_in(answer: WsgiResponse) -> int:
    (text,) = [value.decode() for name, value in answer.headers if name == b"ratelimit"]
    return int(text.split("r=")[1].split(";")[0])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("key", [{}, {"idempotency_key": "key-1"}, {"idempotency_key": "key-1", **OF_A_FRONT_END}])
def test_plain_order_is_answered_as_by_the_ordinary_path(version, key, token):
    products = [make_product(name="Zoë's 🫖 <cup>", sku="T-1"), make_product()]
    body = basket(*[(product.pk, 2) for product in products])
    scope = scope_of(token, body, f"/api/{version}/orders", **key)

    found = response_of(scope, body)
    again = ordinary(scope, body)

    assert comparable(found) == comparable(again)
    shown = json.loads(found.body)
    assert Order.objects.get(pk=shown["id"]).number == shown["number"]
    if key:  # the same order: equal to the last byte
        assert (found.status, found.body) == (again.status, again.body)
        assert dict(found.headers)[b"location"] == dict(again.headers)[b"location"]


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"accept": "application/xml"}, "/api/v1/orders"),
        ({"accept": "application/vnd.myapi.v2+json"}, "/api/v1/orders"),
        ({"content_type": "application/xml"}, "/api/v1/orders"),
        ({"content_type": "application/json; charset=latin-1"}, "/api/v1/orders"),
        ({"cookie": "sessionid=1"}, "/api/v1/orders"),
        ({"expect": "100-continue"}, "/api/v1/orders"),
        ({"content_encoding": "gzip"}, "/api/v1/orders"),
        ({}, "/api/v1/orders?x=1"),
        ({}, "/api/orders"),
        ({}, "/api/v1/products"),
    ],
)
def test_unusual_request_takes_the_ordinary_path_uncounted(headers, path, token):
    body = basket((make_product().pk, 1))

    assert on_fast_path(scope_of(token, body, path, **headers), body) == ORDINARY
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"items": []}',
        b'{"items": [{"product_id": 1, "quantity": 0}]}',
        b'{"items": [{"product_id": true, "quantity": 1}]}',
        b'{"items": [{"product_id": 1, "quantity": 1, "quantity": 2}]}',
        b'{"items": [{"product_id": 1, "quantity": NaN}]}',
        b'{"items": [{"product_id": 1}]}',
        b"\xff",
        b'{"items": [{"product_id": "1", "quantity": 1.0}]}',
    ],
)
def test_body_that_is_not_plainly_valid_takes_the_ordinary_path(body, token):
    assert on_fast_path(scope_of(token, body), body) == ORDINARY


@pytest.mark.parametrize("token", [None, "nonsense"])
def test_stranger_is_refused_by_the_ordinary_path(token):
    body = basket((make_product().pk, 1))
    scope = scope_of(token, body)

    assert on_fast_path(scope, body) == ORDINARY
    assert ordinary(scope, body).status == 401


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "key-1"}, {"idempotency_key": "é"}])
@pytest.mark.parametrize("line", [(9001, 1), (None, 11)])
def test_refused_order_has_the_ordinary_refusal_and_is_counted_once(line, key, token, settings):
    settings.RATE_USER_PER_MINUTE = 1_000
    product = make_product(stock=10)
    good, bad = basket((product.pk, 1)), basket((line[0] or product.pk, line[1]))
    before = remaining_in(response_of(scope_of(token, good), good))
    scope = scope_of(token, bad, x_request_id="abcdefgh-1", **key)

    result = on_fast_path(scope, bad)
    refusal = ordinary(scope, bad, result)

    assert (result.response, result.error is None) == (None, False)
    assert remaining_in(refusal) == before - 1
    assert comparable(refusal) == comparable(ordinary(scope, bad))
    assert refusal.status in (400, 409)
    product.refresh_from_db()
    assert (product.stock, Order.objects.count()) == (9, 1)


def test_failed_order_is_not_attempted_twice(token, monkeypatch):
    calls = []

    def fail(*args: object) -> None:
        calls.append(args)
        raise RuntimeError("lost")

    monkeypatch.setattr(actions, "write_order", fail)
    body = basket((make_product().pk, 1))
    scope = scope_of(token, body)

    answer = ordinary(scope, body, on_fast_path(scope, body))

    assert answer.status == 500
    assert len(calls) == 1


def test_order_over_the_budget_is_refused_and_not_placed(token, settings):
    settings.RATE_USER_PER_MINUTE = 1
    body = basket((make_product().pk, 1))
    scope = scope_of(token, body)

    first, second = response_of(scope, body), on_fast_path(scope, body)

    assert (first.status, second) == (201, ORDINARY)
    assert ordinary(scope, body).status == 429
    assert Order.objects.count() == 1


def test_order_is_logged_with_its_id(token, caplog):
    caplog.set_level("INFO", "ecommerce.request")
    body = basket((make_product().pk, 1))

    found = response_of(scope_of(token, body, x_request_id="abcdefgh-1"), body)

    (line,) = caplog.records
    assert (line.method, line.path, line.status, line.address) == ("POST", "/api/v1/orders", 201, "192.0.2.7")
    assert dict(found.headers)[b"x-request-id"] == b"abcdefgh-1"


def test_order_on_the_fast_path_takes_few_statements(token, unlimited, django_assert_num_queries):
    body = basket(*[(make_product().pk, 1) for _ in range(3)])
    response_of(scope_of(token, body), body)

    with django_assert_num_queries({"postgresql": 2, "sqlite": 6}[connection.vendor]):  # the first is the caller
        response_of(scope_of(token, body), body)
