"""Metrics of live processes, as Prometheus reads them."""

import json
import re
import subprocess
import threading

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.metrics import exporter
from core.metrics.operations import operation_of
from tests.support.factories import make_product, make_user
from tests.support.live import ROOT, Server, free_port
from tests.support.waiting import wait_until

PASSWORD = "correct horse battery"
QUERY = {"query": "query Home { allProducts(first: 1) { edges { node { pk } } } }"}


def scraped(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """Map the name of each sample to its values by label values."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in ("protocol", "operation", "status") if name in sample.labels)
            found.setdefault(sample.name, {})[labels or tuple(sample.labels.values())] = sample.value
    return found


def named_in_deploy_files() -> set[str]:
    """Return the names of all metrics that the dashboard and the alerts use."""
    files = [ROOT / "deploy/prometheus/alerts.yml", ROOT / "deploy/grafana/shop.json"]
    return {name for file in files for name in re.findall(r"\bshop_\w+", file.read_text())}


@pytest.fixture
def measured(live_shop):
    """A shop whose server, with two workers, serves metrics."""
    shop, port = live_shop(processes=0), free_port()
    # Of 40 requests some are over the budget, even if they are spread over three minutes of the clock.
    env = {**shop.env, "METRICS_ADDRESS": f"127.0.0.1:{port}", "RATE_LIMITS": "on", "RATE_ANONYMOUS_PER_MINUTE": "10"}
    server = Server(shop.folder, env, options=["--workers", "2", "--max-requests", "30"])
    server.wait_until_live()
    yield shop, server, port
    server.stop()


@pytest.mark.live
def test_requests_of_all_workers_are_counted_and_kept_when_a_worker_is_replaced(measured):
    shop, server, port = measured
    with shop.database():
        product = make_product(stock=0)
        make_user(username="buyer", password=PASSWORD)
    sign_in = {"username": "buyer", "password": PASSWORD}
    token = httpx.post(f"{server.url}/api/v1/auth/token", json=sign_in, timeout=30).json()["access"]
    for _ in range(30):
        httpx.get(
            f"{server.url}/api/v1/products/{product.pk}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
    for number in range(40):
        httpx.get(f"{server.url}/nothing/{number}", timeout=30)
        httpx.post(f"{server.url}/graphql", json=QUERY, timeout=30)
    wait_until(lambda: "serve has ended as planned, and is replaced." in server.log)
    wait_until(lambda: scraped(port).get("shop_threads", {}).get(("web",), 0) >= 8, pause_s=0.2)
    found = scraped(port)

    counts = found["shop_request_seconds_count"]
    assert counts["rest", "GET product-detail v1", "200"] == 30
    assert counts["other", "GET unknown", "404"] == 40
    graphql = sum(count for (protocol, *_), count in counts.items() if protocol == "graphql")
    assert (graphql, found["shop_budgets_refused_total"]["default",]) == (40, counts["graphql", "POST graphql", "429"])
    assert counts["graphql", "query allProducts", "200"] >= 5
    assert (found["shop_products_out_of_stock"][()], found["shop_database_up"][()]) == (1, 1)
    assert named_in_deploy_files() <= set(found)


@pytest.mark.live
def test_log_line_names_caller_protocol_and_operation(live_shop):
    shop = live_shop()
    with shop.database():
        user = make_user(username="buyer", password=PASSWORD)
    sign_in = {"username": "buyer", "password": PASSWORD}
    token = httpx.post(f"{shop.url}/api/v1/auth/token", json=sign_in, timeout=30).json()["access"]
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(3):  # the third comes from a compiled plan
        httpx.post(f"{shop.url}/graphql", json=QUERY, headers=headers, timeout=30)
    httpx.get(f"{shop.url}/api/v1/products", headers=headers, timeout=30)
    httpx.get(f"{shop.url}/api/v2/users/me", headers=headers, timeout=30)
    httpx.post(f"{shop.url}/ecommerce.ProductService/ListProducts", json={}, headers=headers, timeout=30)

    wait_until(lambda: "ListProducts" in shop.servers[0].log)  # it is written after the response
    lines = [json.loads(line) for line in shop.servers[0].log.splitlines() if '"ecommerce.request"' in line]
    named = [(line["protocol"], line["operation"], line["caller"]) for line in lines if line["caller"]]
    assert named == [
        *[("graphql", "query allProducts", user.pk)] * 3,
        ("rest", "GET product-list v1", user.pk),
        ("rest", "GET user-me v2", user.pk),
        ("connect", "/ecommerce.ProductService/ListProducts", user.pk),
    ]


@pytest.mark.live
def test_grpc_calls_of_workers_are_counted(grpc_shops):
    port = free_port()
    shop = grpc_shops("--workers", "2", METRICS_ADDRESS=f"127.0.0.1:{port}")
    for _ in range(5):
        assert shop.client().refusal("GetProduct", id=999).code == "NOT_FOUND"

    wait_until(lambda: "shop_open_calls" in scraped(port))

    name = "/ecommerce.ProductService/GetProduct"
    assert scraped(port)["shop_request_seconds_count"]["grpc", name, "NOT_FOUND"] == 5


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/api/v1/products/7", ("rest", "GET product-detail v1")),
        ("POST", "/api/orders/7/cancel", ("rest", "POST order-cancel")),
        ("BREW", "/graphql", ("graphql", "OTHER graphql")),
        ("GET", "/admin/orders/order/5/change/", ("admin", "GET admin:orders_order_change")),
        ("GET", "/static/shop/admin.123.css", ("static", "static")),
        ("WS", "/graphql", ("websocket", "graphql")),
        ("GET", "/api/v1/anything/at/all", ("rest", "GET UnknownPath v1")),
        ("GET", "/%2e", ("other", "GET unknown")),
        ("gRPC", "/ecommerce.ProductService/GetProduct", ("grpc", "/ecommerce.ProductService/GetProduct")),
    ],
)
def test_operation_of_a_request(method, path, operation):
    assert operation_of(method, path) == operation


def test_requests_for_any_number_of_rows_share_one_kind():
    kinds = {id(operation_of("GET", f"/api/v1/products/{number}")) for number in range(1, 5_000)}

    assert len(kinds) == 1


def test_alerts_are_raised_when_they_should(requires_promtool):
    checks = [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
        ["check", "config", "prometheus.yml"],
    ]
    runs = [
        subprocess.run(["promtool", *check], cwd=ROOT / "deploy/prometheus", check=False, timeout=60)
        for check in checks
    ]

    assert [run.returncode for run in runs] == [0, 0, 0]


@pytest.mark.long
def test_database_that_does_not_answer_hides_only_its_own_values_until_it_does(monkeypatch):
    answers = threading.Event()
    monkeypatch.setattr(exporter, "OF_DATABASE", [lambda: {"shop_orders": float(answers.wait(60))}])
    monkeypatch.setattr(exporter, "SCRAPE_WAIT_S", 0.05)
    monkeypatch.setattr(exporter, "FRESH_S", 0)
    monkeypatch.setattr(exporter, "STALE_S", 1)
    metrics = exporter.DatabaseMetrics()

    def shown() -> dict[str, float]:
        return {family.name: family.samples[0].value for family in metrics.collect()}

    assert shown() == {"shop_database_up": 0}
    answers.set()
    wait_until(lambda: shown() == {"shop_orders": 1, "shop_database_up": 1})
    answers.clear()
    assert shown() == {"shop_orders": 1, "shop_database_up": 1}
    wait_until(lambda: shown() == {"shop_database_up": 0})
    answers.set()


def test_fault_in_a_reading_fails_the_scrape(monkeypatch):
    monkeypatch.setattr(exporter, "OF_DATABASE", [lambda: {}["missing"]])

    with pytest.raises(KeyError, match="missing"):
        list(exporter.DatabaseMetrics().collect())
