"""The shop behind PgBouncer in transaction mode: every transaction may run on another connection to PostgreSQL."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from catalog.models import Product
from orders.models import Order
from tests.support.factories import make_product, make_user
from tests.support.live import Shop, fresh_database
from tests.support.pgbouncer import pooler
from tests.support.waiting import wait_until
from tests.support.warm_start import run_command

pytestmark = pytest.mark.live

PASSWORD = "correct horse battery"
CLIENTS, PER_CLIENT, POOL = 12, 5, 2


@pytest.fixture(scope="module")
def pooled(requires_pgbouncer, tmp_path_factory, migrated_template, django_db_blocker):
    """A shop of two processes, with eight threads for two connections to PostgreSQL."""
    folder = tmp_path_factory.mktemp("pooled")
    with fresh_database(folder, migrated_template) as url, pooler(folder, url, POOL) as between:
        shop = Shop(url, folder, django_db_blocker.unblock, {})
        shop.env |= {"DATABASE_URL": between.url, "DATABASE_DIRECT_URL": url, "WEB_THREADS": "4"}
        shop.pooler = between
        manage(shop, "migrate", "--verbosity=0")
        shop.start(2)
        yield shop
        shop.kill_all()


def manage(shop: Shop, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return run_command(*command, env={**shop.env, **env})


def token_of(shop: Shop, name: str) -> str:
    answer = httpx.post(f"{shop.url}/api/v1/auth/token", json={"username": name, "password": PASSWORD}, timeout=30)
    return answer.raise_for_status().json()["access"]


def buy(shop: Shop, token: str, product: int, number: int) -> list[int]:
    """Order one unit with a key, twice, and read the product by REST and GraphQL. Return the statuses."""
    url = shop.urls[number % 2]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"order-{number}"}
    order = {"items": [{"product_id": product, "quantity": 1}]}
    query = {"query": f"{{product(id: {product}) {{name stock}} allProducts(first: 5) {{edges {{node {{pk}}}}}}}}"}
    answers = [
        httpx.post(f"{url}/api/v1/orders", json=order, headers=headers, timeout=30),
        httpx.get(f"{url}/api/v1/products/{product}", timeout=30),
        httpx.post(f"{url}/graphql", json=query, timeout=30),
        httpx.post(f"{url}/api/v1/orders", json=order, headers=headers, timeout=30),
        httpx.get(f"{url}/api/v1/products?per_page=5", timeout=30),
    ]
    return [answer.status_code for answer in answers]


def test_orders_and_reads_of_many_clients_share_two_connections(pooled):
    total = CLIENTS * PER_CLIENT
    with pooled.database():
        product = make_product(stock=total + 5).pk
        make_user(username="buyer", password=PASSWORD)
    token = token_of(pooled, "buyer")

    with ThreadPoolExecutor(CLIENTS) as clients:
        statuses = list(clients.map(lambda number: buy(pooled, token, product, number), range(total)))

    assert statuses == [[201, 200, 200, 201, 200]] * total
    with pooled.database():
        assert (Order.objects.count(), Product.objects.get(pk=product).stock) == (total, 5)


def test_stream_gets_the_changes_of_clients_behind_the_pooler(pooled):
    with pooled.database():
        product = make_product(stock=3)
    with httpx.stream("GET", f"{pooled.url}/api/v1/products/{product.pk}/events", timeout=30) as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("id: "))
        with pooled.database():
            Product.objects.filter(pk=product.pk).update(stock=2)

        event = next(line for line in lines if line.startswith("data: "))

    assert '"new_stock":2' in event


def test_transaction_has_the_timeouts_of_the_settings(pooled):
    with psycopg.connect(pooled.env["DATABASE_URL"], autocommit=True) as client:
        found = [client.execute(f"SHOW {name}").fetchone()[0] for name in ("lock_timeout", "statement_timeout")]

    assert found == ["10s", "30s"]
    doctor = manage(pooled, "doctor")
    assert "ok       timeouts: as in the settings" in doctor.stdout
    assert "ok       DATABASE_DIRECT_URL: names the same database, without a pooler" in doctor.stdout


def test_doctor_asks_for_the_direct_url(pooled):
    doctor = manage(pooled, "doctor", DATABASE_DIRECT_URL="")

    assert doctor.returncode == 1
    assert "it leads to PgBouncer: also set DATABASE_DIRECT_URL, to PostgreSQL itself" in doctor.stdout


def test_shop_recovers_when_the_pooler_is_restarted(pooled):
    with pooled.database():
        product = make_product().pk
    path = f"/api/v1/products/{product}"
    assert httpx.get(f"{pooled.url}{path}").status_code == 200

    pooled.pooler.kill()
    assert httpx.get(f"{pooled.url}{path}", timeout=40).status_code == 503
    pooled.pooler.start()

    wait_until(lambda: httpx.get(f"{pooled.url}{path}", timeout=40).status_code == 200)
