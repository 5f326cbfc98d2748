"""Responses of the fast path have the status, the headers and the body of the ordinary path."""

import json
import re
import time
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.protocols.rest import conditional
from core.protocols.rest.versions import V1, VERSIONS
from core.server.asgi import ARRIVED
from core.server.bridge.fast_path import ORDINARY
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.fast_path import answered, comparable, on_fast_path, remaining_in, response_of, scope_of

pytestmark = pytest.mark.django_db
CALLERS = ("stranger", "customer", "staff")
PATHS = (
    "/api/{v}/products",
    "/api/{v}/products?page=2&per_page=2",
    "/api/{v}/products?page=2",
    "/api/{v}/products?per_page=3",
    "/api/{v}/products?page=99",
    "/api/{v}/products?limit=3",
    "/api/{v}/products?limit=100&sort=price&order=desc",
    "/api/{v}/products?sort=name&per_page=2&page=2",
    "/api/{v}/products?order=asc",
    "/api/{v}/products?sort=nonsense",
    "/api/{v}/products?limit=0",
    "/api/{v}/products?limit=101",
    "/api/{v}/products?cursor=nonsense.mark",
    "/api/{v}/products/{product}",
    "/api/{v}/orders",
    "/api/{v}/orders?limit=1",
    "/api/{v}/orders?per_page=1",
    "/api/{v}/orders/{order}",
    "/api/{v}/users/{user}",
    "/api/{v}/users",
    "/api/{v}/users/{user}/orders",
    "/api/{v}/users/{user}/orders?limit=2",
    "/api/{v}/users/{user}/orders?per_page=2&page=2",
    "/api/{v}/users/{staff}/orders",
    "/api/{v}/users/987654/orders",
    "/api/{v}/users?per_page=1&page=2",
)


@pytest.fixture(autouse=True)
def later(monkeypatch) -> None:
    """Read the clock as if all rows had settled: two requests may see different seconds."""
    monkeypatch.setattr(conditional, "time", SimpleNamespace(time=lambda: time.time() + 10))


@pytest.fixture(scope="module")
def ids(module_rows) -> dict[str, int]:
    customer = make_user(username="customer")
    staff = make_staff(username="staff")
    products = [make_product(name="Tea", sku="T-1"), make_product(name="Zoë's 🫖 <cup>", description="ﬁ\n")]
    products += [make_product()]
    products += [make_product() for _ in range(3)]
    orders = [make_order(user, {product: 2}) for user in (customer, customer, None) for product in products[:2]]
    order = make_order(customer, dict.fromkeys(products, 1))
    products[5].delete()
    return {
        "product": products[1].pk,
        "order": order.pk,
        "user": customer.pk,
        "staff": staff.pk,
        "foreign": orders[-1].pk,
    }


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", PATHS)
def test_fast_path_answers_as_the_ordinary_path_or_leaves_it_the_request(ids, path, version, caller):
    scope = scope_of(path.format(v=version, **ids), caller)

    found = on_fast_path(scope).response

    if found is not None:
        assert comparable(found) == comparable(answered(scope))
    else:
        is_of_v2 = "limit" in path or "cursor" in path  # v1 ignores these parameters
        assert answered(scope).status != 200 or (version == V1 and is_of_v2)


@pytest.mark.parametrize(
    ("path", "caller"),
    [
        ("/api/v1/products", "stranger"),
        ("/api/v1/products?page=2&per_page=2", "customer"),
        ("/api/v1/products?order=desc&sort=price", "stranger"),
        ("/api/v2/products?limit=3", "stranger"),
        ("/api/v2/orders", "customer"),
        ("/api/v1/products/{product}", "stranger"),
        ("/api/v2/products/{product}", "staff"),
        ("/api/v1/orders", "customer"),
        ("/api/v1/orders", "staff"),
        ("/api/v2/orders/{order}", "customer"),
        ("/api/v1/users/{user}", "customer"),
    ],
)
def test_plain_request_is_answered_on_the_fast_path(ids, path, caller):
    assert on_fast_path(scope_of(path.format(**ids), caller)).response is not None


@pytest.mark.parametrize(
    ("path", "caller"),
    [
        ("/api/v2/products?limit=2", "stranger"),
        ("/api/v2/products?sort=price&limit=2&order=desc", "customer"),
        ("/api/v2/products?limit=2&sort=name", "staff"),
        ("/api/v2/orders?limit=1", "customer"),
        ("/api/v2/products?min_price=0.01&limit=2&sort=price", "stranger"),
        ("/api/v2/orders?limit=2&status=pending", "customer"),
    ],
)
def test_links_lead_through_all_pages_with_the_responses_of_the_ordinary_path(ids, path, caller):
    seen, next_path = [], path
    while next_path:
        found = response_of(scope_of(next_path, caller))
        assert comparable(found) == comparable(answered(scope_of(next_path, caller)))
        body = json.loads(found.body)
        seen += [row["id"] for row in body["products" if "products" in path else "orders"]]
        link = dict(found.headers).get(b"link", b"").decode()
        assert (body["next_cursor"] is None) == (not link)
        next_path = link.removeprefix("<http://testserver:8000").partition(">")[0]

    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("path", ["/api/v2/products?sort=price&cursor={cursor}", "/api/v2/orders?cursor={cursor}"])
def test_cursor_of_another_order_or_list_is_refused_as_on_the_ordinary_path(ids, path):
    cursor = json.loads(response_of(scope_of("/api/v2/products?limit=2", "customer")).body)["next_cursor"]
    scope = scope_of(path.format(cursor=cursor), "customer")

    assert on_fast_path(scope).response is None
    assert answered(scope).status == 400


@pytest.mark.parametrize("known", ["the tag", "W/the tag", "*", '"other", the tag', '"other"', "no tag", "", '"'])
@pytest.mark.parametrize(
    ("path", "caller"),
    [
        ("/api/v1/products?page=2&per_page=2", "stranger"),
        ("/api/v1/products/{product}", "stranger"),
        ("/api/v2/products/{product}", "staff"),
        ("/api/v1/orders", "customer"),
        ("/api/v2/orders/{order}", "customer"),
    ],
)
def test_unchanged_row_or_page_is_answered_on_the_fast_path_without_its_body(ids, path, caller, known):
    path = path.format(**ids)
    tag = next(value.decode() for name, value in response_of(scope_of(path, caller)).headers if name == b"etag")
    scope = scope_of(path, caller, if_none_match=known.replace("the tag", tag))

    found = response_of(scope)

    assert comparable(found) == comparable(answered(scope))
    assert found.status == (304 if "the tag" in known or known == "*" else 200)


OF_A_BROWSER = {
    "sec_fetch_site": "same-origin",
    "sec_fetch_mode": "cors",
    "sec_ch_ua": '"Chromium";v="140"',
    "referer": "http://testserver/",
    "origin": "http://testserver",
    "cache_control": "no-cache",
    "pragma": "no-cache",
}
OF_A_PROXY = {"x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https", "x_real_ip": "203.0.113.9"}
OF_A_CLOUD = {"x_amzn_trace_id": "Root=1-67", "x_forwarded_port": "443", "cf_ray": "8f-FRA", "cf_connecting_ip": "::1"}
OF_A_CLIENT = {"content_type": "application/json;charset=UTF-8", "content_length": "0", "x_requested_with": "fetch"}
OF_SIGNED_IN_STAFF = {"cookie": f"_ga=GA1.1; sessionid={'a1' * 16}; csrftoken={'Xy' * 32}"}
JSON_ACCEPTED = (
    "application/json, application/*+json",
    "application/json;q=0.9, application/xml;q=0.5",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "application/json; charset=utf-8",
)


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize(
    "headers",
    [
        *(OF_A_BROWSER, OF_A_PROXY, {"x_forwarded_proto": "http"}, OF_A_CLOUD, OF_A_CLIENT, OF_SIGNED_IN_STAFF),
        *({"accept": accept} for accept in JSON_ACCEPTED),
        {"if_none_match": '"other"', "if_modified_since": "Thu, 01 Jan 2037 00:00:42 GMT"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/products?per_page=2", "/api/v2/products/{product}", "/api/v1/orders"])
def test_headers_of_browsers_proxies_and_clients_keep_the_fast_path(ids, settings, path, headers, is_trusted):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if is_trusted else None
    scope = scope_of(path.format(**ids), "customer", **headers)

    found = on_fast_path(scope).response

    assert found is not None
    assert comparable(found) == comparable(answered(scope))


@pytest.mark.parametrize(
    "headers",
    [
        {"if_match": "*"},
        {"if_modified_since": "Thu, 01 Jan 2026 00:00:42 GMT"},
        {"cookie": "sessionid=1"},
        {"cookie": "a=b; csrftoken=odd"},
        {"content_type": "text/xml"},
        {"accept": "application/xml"},
        {"accept": "application/vnd.myapi.v2+json"},
        {"content_encoding": "gzip"},
        {"range": "bytes=0-9"},
        {"host": "other.example"},
        {"authorization": "Bearer nonsense"},
    ],
)
def test_request_with_a_header_for_the_views_takes_the_ordinary_path(ids, settings, headers):
    settings.ALLOWED_HOSTS = ["testserver"]

    assert on_fast_path(scope_of(f"/api/v1/products/{ids['product']}", **headers)) == ORDINARY


@pytest.mark.parametrize("host", ["", "evil shop.example", 'shop.example"'])
def test_malformed_host_takes_the_ordinary_path_even_if_all_hosts_are_allowed(ids, settings, host):
    settings.ALLOWED_HOSTS = ["*"]

    assert on_fast_path(scope_of(f"/api/v1/products/{ids['product']}", host=host)) == ORDINARY


def test_request_without_a_host_takes_the_ordinary_path(ids, settings):
    settings.ALLOWED_HOSTS = ["*"]
    scope = scope_of(f"/api/v1/products/{ids['product']}")
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"host"]

    assert on_fast_path(scope) == ORDINARY
    assert answered(scope).status == 200


@pytest.mark.parametrize("path", ["/api/v1/orders/{foreign}", "/api/v1/products/987654", "/api/v1/orders?weight=1"])
def test_refused_and_unusual_requests_are_counted_once(ids, path, settings):
    settings.RATE_USER_PER_MINUTE = 1_000
    scope = scope_of(path.format(**ids), "customer")
    plain = scope_of(f"/api/v1/products/{ids['product']}", "customer")
    before = remaining_in(response_of(plain))

    refusal = answered(scope, result=on_fast_path(scope))

    assert remaining_in(refusal) == before - 1
    assert remaining_in(response_of(plain)) == before - 2


def test_request_over_the_budget_is_refused(ids, settings):
    settings.RATE_ANONYMOUS_PER_MINUTE = 2
    scope = scope_of(f"/api/v1/products/{ids['product']}")

    assert [on_fast_path(scope).response is not None for _ in range(3)] == [True, True, False]
    assert answered(scope).status == 429


def test_shared_cache_gets_no_budget_of_a_caller(ids, settings):
    settings.CACHE_PUBLIC_S = 60
    scope = scope_of(f"/api/v1/products/{ids['product']}")

    found = response_of(scope)

    assert comparable(found) == comparable(answered(scope))
    assert b"ratelimit" not in dict(found.headers)


def test_request_is_logged_with_its_id(ids, caplog):
    caplog.set_level("INFO", "ecommerce.request")

    found = response_of(scope_of(f"/api/v1/products/{ids['product']}", x_request_id="abcdefgh-1"))

    (line,) = caplog.records
    assert (line.method, line.status, line.address) == ("GET", 200, "192.0.2.7")
    assert line.path == f"/api/v1/products/{ids['product']}"
    assert dict(found.headers)[b"x-request-id"] == b"abcdefgh-1"


def test_duration_counts_the_wait_for_a_thread_on_both_paths(ids, caplog):
    caplog.set_level("INFO", "ecommerce.request")
    scope = scope_of(f"/api/v1/products/{ids['product']}") | {ARRIVED: time.perf_counter() - 5}

    response_of(scope)
    answered(scope)

    assert [5_000 <= line.duration_ms < 60_000 for line in caplog.records] == [True, True]


def test_fast_path_needs_few_statements(ids, django_assert_num_queries):
    detail, orders = scope_of(f"/api/v1/products/{ids['product']}"), scope_of("/api/v1/orders", "customer")
    response_of(detail)

    with django_assert_num_queries(1):
        response_of(detail)
    response_of(orders)
    with django_assert_num_queries(3):  # the caller, the orders, their lines; a page that is not full needs no count
        response_of(orders)
    with django_assert_num_queries(1):  # triggers count the products
        response_of(scope_of("/api/v1/products?per_page=2"))


def test_row_is_read_without_a_column_twice(ids):
    with CaptureQueriesContext(connection) as statements:
        response_of(scope_of(f"/api/v1/products/{ids['product']}"))

    (columns,) = [
        re.findall(r'"catalog_product"."(\w+)" AS', each["sql"])
        for each in statements
        if "catalog_product" in each["sql"]
    ]
    assert "version" in columns
    assert len(columns) == len(set(columns))
