"""Prometheus, with the configuration in deploy/, scrapes a live shop and evaluates its rules."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from django.db import connection

from deploy.cluster import dashboard
from tests.support.factories import make_product
from tests.support.live import ROOT, Server, free_port
from tests.support.processes import end
from tests.support.rpc import Client, GrpcServer
from tests.support.waiting import responds, wait_until, wait_until_started

pytestmark = pytest.mark.live
DEPLOY = ROOT / "deploy/prometheus"


@pytest.fixture(scope="module")
def prometheus(live_shops, tmp_path_factory, requires_prometheus):
    """A shop with metrics of its web and gRPC servers, and the URL of a Prometheus that scrapes both."""
    shop, tmp_path, ports = (
        live_shops(),
        tmp_path_factory.mktemp("prometheus"),
        {"web": free_port(), "grpc": free_port(), "webhooks": free_port()},
    )
    with shop.database():
        make_product(pk=1)
    env = {**shop.env, "WEB_THREADS": "1"}
    web = Server(tmp_path, env | {"METRICS_ADDRESS": f"127.0.0.1:{ports['web']}"})
    grpc = GrpcServer(tmp_path, env | {"METRICS_ADDRESS": f"127.0.0.1:{ports['grpc']}"}, "--max-workers", "1")
    web.wait_until_live()
    grpc.wait_until_live()
    port, config, log = free_port(), tmp_path / "prometheus.yml", tmp_path / "prometheus.log"
    config.write_text(configuration(ports))
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/series"]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_started(process, lambda: responds(f"{url}/-/healthy"), log.read_text)
        wait_until(lambda: httpx.get(f"{url}/-/ready", timeout=5).status_code == 200, log.read_text)
        yield shop, web, grpc, url
    finally:
        end(process, web.process, grpc.process)


def configuration(ports: dict[str, int]) -> str:
    """Return deploy/prometheus/prometheus.yml with the addresses of this test, and every second."""
    text = (DEPLOY / "prometheus.yml").read_text().replace("15s", "1s").replace("alerts.yml", f"{DEPLOY}/alerts.yml")
    for name, port in ports.items():
        assert f"{name}:9464" in text
        text = text.replace(f"{name}:9464", f"127.0.0.1:{port}")
    return text


def values(url: str, expression: str) -> dict[tuple[str, ...], float]:
    """Return the values of an expression by their labels `process`, `pool` and `protocol`."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=30).json()
    assert answer["status"] == "success", answer
    labels = ("process", "pool", "protocol")
    found = [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]
    return {tuple(metric[label] for label in labels if label in metric): value for metric, value in found}


def rules(url: str) -> dict[str, Any]:
    groups = httpx.get(f"{url}/api/v1/rules", timeout=30).json()["data"]["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


def test_metrics_arrive_and_every_rule_is_evaluated(prometheus):
    _, web, grpc, url = prometheus
    wait_until(lambda: values(url, "up").get(("web",)) == values(url, "up").get(("grpc",)) == 1)
    for _ in range(3):
        httpx.get(f"{web.url}/api/v1/products/1", timeout=30)
        assert Client(grpc.port).call("GetProduct", id=1).product.id == 1
        time.sleep(1.1)

    wait_until(lambda: {rule["health"] for rule in rules(url).values()} == {"ok"})
    wait_until(lambda: rules(url)["ShopProcessDown"]["state"] == "pending")  # deliverwebhooks does not run here
    down = rules(url)["ShopProcessDown"]["alerts"]
    slow = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"][3]
    assert [alert["labels"]["process"] for alert in down] == ["webhooks"]
    assert slow["alert"] == "ShopSlow"
    latency = values(url, slow["expr"].removesuffix("> 1"))
    assert set(latency) == {("rest",), ("grpc",)}
    assert all(0 < seconds < 30 for seconds in latency.values())
    assert values(url, "shop_database_up") == {("web",): 1, ("grpc",): 1}


def test_dashboard_is_read_panel_by_panel(prometheus, monkeypatch):
    _, web, grpc, url = prometheus
    monkeypatch.setattr(dashboard, "PROMETHEUS", url.rpartition(":")[2])

    def lines() -> list[str]:
        httpx.get(f"{web.url}/api/v1/products/1", timeout=30)
        Client(grpc.port).call("GetProduct", id=1)
        return dashboard.shown().splitlines()

    wait_until(lambda: {line.split()[0] for line in lines() if "product-detail" in line} == {"GET"})
    shown = lines()
    panels = json.loads((ROOT / "deploy/grafana/shop.json").read_text())["panels"]
    assert [line for line in shown if not line.startswith("    ")] == [panel["title"] for panel in panels]
    assert {line.split()[0] for line in shown[1 : shown.index("Errors by protocol")]} >= {"grpc", "rest"}


@pytest.mark.usefixtures("requires_postgresql")
def test_grpc_calls_that_wait_for_a_thread_are_counted(prometheus):
    shop, _, grpc, url = prometheus
    assert connection.vendor == "postgresql"
    jobs, threads = 'max by (pool) (shop_thread_jobs{pool="grpc"})', 'max by (pool) (shop_threads{pool="grpc"})'
    with psycopg.connect(shop.database_url) as holder, ThreadPoolExecutor(3) as clients:
        holder.execute("LOCK TABLE catalog_product IN ACCESS EXCLUSIVE MODE")
        calls = [clients.submit(Client(grpc.port).call, "GetProduct", id=1) for _ in range(3)]
        wait_until(lambda: values(url, jobs).get(("grpc",)) == 3)
        assert values(url, threads) == {("grpc",): 1}
        holder.rollback()
        assert {call.result(30).product.id for call in calls} == {1}
    wait_until(lambda: values(url, jobs) == {("grpc",): 0})
