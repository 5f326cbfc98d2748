"""The probes."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from grpc_health.v1 import health_pb2, health_pb2_grpc

from core import triggers
from core.runtime import begin_runtime
from tests.support.factories import make_product
from tests.support.live import Server, Shop
from tests.support.outages import read_only_database
from tests.support.processes import end
from tests.support.waiting import wait_until

HEALTHY = {"database": "ok", "migrations": "ok", "triggers": "ok"}


def test_live_asks_no_database(client):  # there is no `django_db` mark: a query would fail
    answer = client.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_says_what_it_looked_at(client):
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": HEALTHY})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_ready_costs_few_statements(client, django_assert_max_num_queries):
    client.get("/health/ready")
    begin_runtime()

    with django_assert_max_num_queries(9):
        client.get("/health/ready")


@pytest.mark.django_db
def test_ready_reuses_the_answer_of_the_last_second(client, django_assert_num_queries):
    first = client.get("/health/ready").json()

    with django_assert_num_queries(0):
        assert client.get("/health/ready").json() == first


class CountedHealth(health_pb2_grpc.HealthServicer):
    asked = 0

    def Check(self, request: Any, context: Any) -> health_pb2.HealthCheckResponse:
        self.asked += 1
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.django_db
def test_flood_of_probes_asks_the_grpc_server_once_a_second(client, settings):
    server, health = grpc.server(ThreadPoolExecutor(1)), CountedHealth()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    settings.GRPC_HEALTH_ADDRESS = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()

    started_at = time.monotonic()
    answers = [client.get("/health/ready").json()["checks"] for _ in range(10)]
    took_s = time.monotonic() - started_at
    server.stop(None).wait()

    assert answers == [HEALTHY | {"grpc": "ok"}] * 10
    assert health.asked <= 1 + took_s


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize("host", ["10.1.2.3:8000", "shop.internal", "not a host"])
def test_probe_is_answered_whatever_the_host(client, path, host):
    assert client.get(path, headers={"Host": host}).status_code == 200
    assert client.get("/api/v1/products", headers={"Host": host}).status_code == 400


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops()


def test_database_whose_write_lock_is_taken_is_ready(shop):
    with shop.database(), transaction.atomic():
        make_product()
        answer = httpx.get(f"{shop.url}/health/ready", timeout=10)

    assert (answer.status_code, answer.json()["checks"]) == (200, HEALTHY)


def test_thirty_strangers_do_not_make_a_probe_fail(shop):
    is_over = threading.Event()

    def ask_until_it_is_over() -> None:
        with httpx.Client(base_url=shop.url, timeout=30) as stranger:
            while not is_over.is_set():
                stranger.get("/health/ready")

    with ThreadPoolExecutor(30) as strangers:
        for _ in range(30):
            strangers.submit(ask_until_it_is_over)
        try:
            answers = [httpx.get(f"{shop.url}/health/ready", timeout=30).status_code for _ in range(10)]
        finally:
            is_over.set()

    assert answers == [200] * 10


def test_database_that_takes_no_write_is_not_ready(shop):
    with shop.database(), read_only_database():
        wait_until(lambda: httpx.get(f"{shop.url}/health/ready", timeout=10).status_code != 200)  # of the last second
        answer = httpx.get(f"{shop.url}/health/ready", timeout=10)

    assert (answer.status_code, answer.json()["checks"]) == (503, HEALTHY | {"database": "read-only"})
    wait_until(lambda: httpx.get(f"{shop.url}/health/ready", timeout=10).status_code == 200)


@pytest.mark.django_db
def test_missing_trigger_is_not_ready(client):
    name, trigger = next(iter(triggers._REGISTRY.items()))
    with connection.cursor() as cursor:
        for statement in trigger.drop_sql(connection.vendor):
            cursor.execute(statement)

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"] == HEALTHY | {"triggers": f"missing: {name}"}
    assert answer.json()["code"] == "unavailable"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.django_db
def test_missing_migration_is_not_ready(client):
    MigrationRecorder(connection).record_unapplied("ecommerce", "0001_initial")

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"] == HEALTHY | {"migrations": "missing: ecommerce.0001_initial"}
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_probes_are_only_read(path, method):
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.django_db
def test_probes_cost_no_budget(client, settings):
    settings.RATE_LIMITS, settings.RATE_ANONYMOUS_PER_MINUTE = True, 1

    answers = [client.head(path).status_code for path in ("/health/live", "/health/ready") for _ in range(3)]

    assert answers == [200] * 6


@pytest.fixture
def silent_server(tmp_path) -> Iterator[Server]:
    """A shop whose database server takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"postgres://postgres@127.0.0.1:{listener.getsockname()[1]}/shop"
        server = Server(tmp_path, {**os.environ, "DATABASE_URL": url, "RATE_LIMITS": "off", "SECRET_KEY": "x" * 50})
        try:
            server.wait_until_live()
            yield server
        finally:
            end(server.process)


@pytest.mark.live
def test_database_that_hangs_is_not_ready_within_six_seconds_and_live_all_the_while(silent_server):
    start = time.monotonic()
    with ThreadPoolExecutor() as probes:
        waiting = probes.submit(httpx.get, f"{silent_server.url}/health/ready", timeout=10)
        assert httpx.get(f"{silent_server.url}/health/live").status_code == 200
        assert not waiting.done()
        answer = waiting.result()

    assert time.monotonic() - start < 6
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
