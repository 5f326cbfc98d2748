"""The web server: its processes, its threads, and what it does with connections that nobody answers."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.conf import settings
from django.db import connection
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from accounts.models import User
from catalog.models import Product
from tests.support.factories import make_product, make_user
from tests.support.live import Shop
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops(processes=2)


def test_two_processes_serve_one_database(shop):
    with shop.database():
        make_product(name="Kettle")

    names = [httpx.get(f"{url}/api/v1/products").json()["products"][0]["name"] for url in shop.urls]
    assert names == ["Kettle", "Kettle"]
    with shop.database():
        assert Product.objects.count() == 1


def test_users_made_beside_the_server_can_sign_in(shop):
    with shop.database():
        make_user(username="ada", password="correct horse battery")
        assert User.objects.get().password.startswith("argon2")

    answer = httpx.post(f"{shop.url}/api/v1/auth/token", json={"username": "ada", "password": "correct horse battery"})

    assert answer.status_code == 200


def test_more_clients_than_threads_are_all_answered(shop):
    with ThreadPoolExecutor(40) as clients:
        answers = list(clients.map(lambda _: httpx.get(f"{shop.url}/api/v1/products", timeout=20), range(80)))

    assert {answer.status_code for answer in answers} == {200}


def test_a_process_has_no_more_connections_than_threads(live_shop, requires_postgresql):
    shop = live_shop()
    paths = ["/api/v1/products", "/api/v1/products", "/health/ready", "/health/live"]

    with ThreadPoolExecutor(20) as clients:
        list(clients.map(lambda path: httpx.get(f"{shop.url}{path}", timeout=20).raise_for_status(), paths * 10))

    with shop.database(), connection.cursor() as cursor:

        def connections() -> int:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return cursor.fetchone()[0]

        # A probe's connection is closed after its answer is sent.
        wait_until(lambda: connections() <= settings.WEB_THREADS)
        assert connections() > 0


def test_static_files_are_served_without_collecting_them(shop):
    answer = httpx.get(f"{shop.url}/static/admin/css/base.css")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert b"body" in answer.content


def test_websocket_that_no_route_takes_is_refused_with_404(shop):
    port = shop.servers[0].port

    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{port}/nowhere"):
        pytest.fail("It was accepted")

    assert (refused.value.response.status_code, json.loads(refused.value.response.body)["code"]) == (404, "not_found")
