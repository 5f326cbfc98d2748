"""Reads of anonymous clients from a streaming replica, made with pg_basebackup."""

import os
import signal

import httpx
import pytest
from django.core.management import call_command

from catalog.models import Product
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop, free_port
from tests.support.replication import replicated, requires_postgresql_programs  # noqa: F401  # a fixture
from tests.support.waiting import wait_until
from tests.support.warm_start import WarmProcess

pytestmark = pytest.mark.live

PASSWORD = "correct horse battery"
LAG_S = 2
QUERY = "query ($id: Int) { product(id: $id) { stock } }"


@pytest.fixture(scope="module")
def servers(requires_postgresql_programs, tmp_path_factory):  # noqa: F811  # the fixture
    with replicated(tmp_path_factory.mktemp("replication")) as found:
        yield found


@pytest.fixture
def shop(servers, tmp_path, django_db_blocker):
    primary, replica = servers
    name = f"shop_{os.urandom(4).hex()}"
    primary.execute(f"CREATE DATABASE {name}")
    url, replica_url = (f"postgres://postgres@127.0.0.1:{each.port}/{name}" for each in (primary, replica))
    shop = Shop(url, tmp_path, django_db_blocker.unblock, {})
    shop.env |= {"REPLICA_URLS": replica_url, "REPLICA_MAX_LAG_S": str(LAG_S), "LOG_LEVEL": "INFO"}
    shop.replica, shop.replica_name = replica, name
    with shop.database():
        call_command("migrate", verbosity=0)
    shop.start()
    yield shop
    replica.execute("SELECT pg_wal_replay_resume()")
    shop.kill_all()


def stocks(shop: Shop, product: int, **headers: str) -> list[int]:
    """Read the stock of a product over REST, GraphQL (from a compiled plan) and Connect."""
    ask = {"query": QUERY, "variables": {"id": product}}
    rest = httpx.get(f"{shop.url}/api/v1/products/{product}", headers=headers, timeout=30)
    graphql = [httpx.post(f"{shop.url}/graphql", json=ask, headers=headers, timeout=30) for _ in range(3)][-1]
    rpc = httpx.post(
        f"{shop.url}/ecommerce.ProductService/GetProduct", json={"id": product}, headers=headers, timeout=30
    )
    return [rest.json()["stock"], graphql.json()["data"]["product"]["stock"], rpc.json()["product"].get("stock", 0)]


def is_said(shop: Shop, text: str, times: int = 1) -> None:
    wait_until(lambda: shop.servers[0].log.count(text) >= times)


def set_stock(shop: Shop, product: int, stock: int) -> None:
    with shop.database():
        Product.objects.filter(pk=product).update(stock=stock)


@pytest.fixture
def product(shop) -> int:
    """A product, when the replica has it and is used."""
    with shop.database():
        pk = make_product(stock=5).pk
        make_staff(username="staff", password=PASSWORD)
    httpx.get(f"{shop.url}/api/v1/products/{pk}")
    is_said(shop, "replica1 is used for reads.")
    wait_until(lambda: stocks(shop, pk) == [5, 5, 5])
    return pk


def token_of(shop: Shop) -> dict[str, str]:
    sign_in = {"username": "staff", "password": PASSWORD}
    answer = httpx.post(f"{shop.url}/api/v1/auth/token", json=sign_in, timeout=30)
    return {"Authorization": f"Bearer {answer.json()['access']}"}


def test_anonymous_clients_read_the_replica_and_signed_in_callers_the_primary(shop, product):
    token = token_of(shop)
    shop.replica.execute("SELECT pg_wal_replay_pause()")

    written = httpx.patch(f"{shop.url}/api/v1/products/{product}", json={"stock": 4}, headers=token, timeout=30)

    assert written.json()["stock"] == 4
    assert (stocks(shop, product, **token), stocks(shop, product)) == ([4, 4, 4], [5, 5, 5])


def test_lagging_replica_is_dropped_and_taken_back(shop, product):
    shop.replica.execute("SELECT pg_wal_replay_pause()")
    set_stock(shop, product, 3)
    is_said(shop, f"replica1 is not used for now: it lags by more than {LAG_S} s")
    assert stocks(shop, product) == [3, 3, 3]

    shop.replica.execute("SELECT pg_wal_replay_resume()")

    is_said(shop, "replica1 is used for reads.", times=2)
    assert stocks(shop, product) == [3, 3, 3]


def test_stopped_replica_costs_no_request(shop, product):
    shop.replica.stop()

    check_that_the_primary_answers(shop, product)

    shop.replica.start()
    check_that_the_replica_is_taken_back(shop, product)


def test_silent_replica_costs_no_request(shop, product):
    backends = f"SELECT pid FROM pg_stat_activity WHERE datname = '{shop.replica_name}' AND pid <> pg_backend_pid()"
    frozen = [shop.replica.process.pid, *(pid for (pid,) in shop.replica.execute(backends))]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        check_that_the_primary_answers(shop, product)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)

    check_that_the_replica_is_taken_back(shop, product)


def check_that_the_primary_answers(shop: Shop, product: int) -> None:
    set_stock(shop, product, 2)
    answers = [httpx.get(f"{shop.url}/api/v1/products/{product}", timeout=30) for _ in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 20
    is_said(shop, "replica1 is not used for now: ")
    assert stocks(shop, product) == [2, 2, 2]


def check_that_the_replica_is_taken_back(shop: Shop, product: int) -> None:
    is_said(shop, "replica1 is used for reads.", times=2)
    wait_until(lambda: stocks(shop, product) == [2, 2, 2])


def findings(shop: Shop, **env: str) -> list[str]:
    """Return what `manage.py doctor` prints about replica1."""
    printed = shop.folder / f"doctor-{os.urandom(4).hex()}"
    WarmProcess(["doctor"], {**os.environ, **shop.env, **env}, printed, printed).wait(60)
    return [line.partition(" (")[0] for line in printed.read_text().splitlines() if " replica1: " in line]


def test_doctor_examines_replicas(shop, product):
    (current,) = findings(shop)
    other = findings(shop, REPLICA_URLS=shop.env["DATABASE_URL"])
    shop.replica.execute("SELECT pg_wal_replay_pause()")
    set_stock(shop, product, 3)
    (lagging,) = findings(shop)
    dead = findings(shop, REPLICA_URLS=f"postgres://postgres@127.0.0.1:{free_port()}/shop")

    assert current.startswith("ok       replica1: follows the primary, 0.")
    assert other == ["error    replica1: is not a replica of this database; correct REPLICA_URLS"]
    assert lagging == (
        "warning  replica1: lags by more than 2 s, so the primary is read instead; "
        "see pg_stat_replication on the primary, and the load and the log of the replica"
    )
    assert dead == ["error    replica1: does not answer"]
