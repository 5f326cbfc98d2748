"""A database that can't serve: the same refusal in every protocol, within a bounded time, and a recovery by itself."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connection

from orders.models import Order
from tests.core.protocols.outage_shop import Outage, OutageShop, Protocol
from tests.support.events import listening
from tests.support.factories import make_product, make_user
from tests.support.live import fresh_database
from tests.support.outages import Link, read_only_database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.live

ANSWER_S = 4
SLACK_S = 5  # for a machine that is busy with other tests
RECOVERY_S = 20
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Cookie": f"sessionid={'x' * 32}"}
BOUNDS = {"STATEMENT_TIMEOUT_S": "2", "DATABASE_TIMEOUT_S": "3", "ANSWER_TIMEOUT_S": str(ANSWER_S), "WEB_THREADS": "2"}


@pytest.fixture
def shop(request, tmp_path, migrated_template, django_db_blocker) -> Iterator[OutageShop]:
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(tmp_path, migrated_template))
        shop = OutageShop(url, tmp_path, django_db_blocker.unblock, BOUNDS | getattr(request, "param", {}))
        if connection.vendor == "postgresql":
            shop.link = stack.enter_context(Link(urlsplit(url).port or 5432))
            shop.env["DATABASE_URL"] = shop.link.url(url)
        stack.callback(shop.kill_all)
        shop.start_grpc("--max-workers", "2")
        shop.start()
        yield shop


@pytest.fixture
def protocols(shop) -> dict[str, Protocol]:
    with shop.database():
        return shop.protocols(make_user(), make_product(stock=1_000))


def wait_until_served(protocols: dict[str, Protocol]) -> None:
    """Return when every protocol serves; one that does not within RECOVERY_S fails."""
    for name, protocol in protocols.items():
        wait_until(lambda order=protocol.order: order() is None, name, RECOVERY_S)


def test_read_only_database_is_unavailable_and_left_for_one_that_takes_writes(shop, protocols):
    with shop.database(), read_only_database():
        refused = {name: protocol.order() for name, protocol in protocols.items()}
        assert Order.objects.count() == 0
    wait_until_served(protocols)

    assert refused == dict.fromkeys(protocols, Outage("unavailable", "The database is read-only at the moment", 2))
    with shop.database():
        assert Order.objects.count() == len(protocols)


@pytest.mark.usefixtures("requires_postgresql")
def test_no_caller_waits_for_a_database_that_is_cut_off(shop, protocols):
    wait_until_served(protocols)

    shop.link.cut()
    try:
        waits = at_once([protocol.read for protocol in protocols.values()] * 4)
        later = at_once([protocol.order for protocol in protocols.values()])
        ready = httpx.get(f"{shop.servers[1].url}/health/ready", timeout=30)
        page = httpx.get(f"{shop.servers[1].url}/admin/", timeout=30, headers=BROWSER)
        docs = httpx.get(f"{shop.servers[1].url}/api/docs", timeout=30, headers=BROWSER)
    finally:
        shop.link.heal()
    wait_until_served(protocols)

    assert {outage.code if outage else None for _, outage in waits + later} == {"unavailable"}
    assert max(seconds for seconds, _ in waits + later) < ANSWER_S + SLACK_S
    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert int(page.headers["Retry-After"]) > 0
    assert page.headers["X-Request-ID"] in page.text
    assert docs.status_code == 200  # it asks no database
    assert (ready.status_code, ready.json()["checks"]) == (503, {"database": "no answer"})


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("shop", [{}, {"DEMO_MODE": "on"}], indirect=True, ids=["serve", "with Server-Timing"])
def test_database_that_closes_connections_and_refuses_new_ones_is_unavailable(shop, protocols):
    page = partial(httpx.get, f"{shop.servers[1].url}/admin/", timeout=30, headers=BROWSER)
    reads = [protocol.read for protocol in protocols.values()] * 4
    at_once(reads)  # each thread has a connection then

    shop.link.refuse()
    try:
        pages = {page().status_code for _ in range(4)}
        answers = at_once(reads + [protocol.order for protocol in protocols.values()])
    finally:
        shop.link.heal()
    wait_until_served(protocols)

    assert pages == {503}
    assert {outage and outage.code for _, outage in answers} == {"unavailable"}


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("shop", [{"DATABASE_TIMEOUT_S": "0"}], indirect=True)
def test_caller_is_answered_while_its_thread_is_stuck(shop, protocols):
    wait_until_served(protocols)

    shop.link.cut()
    try:
        waits = at_once([protocol.read for protocol in protocols.values()])
    finally:
        shop.link.heal()
    wait_until_served(protocols)

    assert {outage and outage.code for _, outage in waits} == {"unavailable"}
    assert max(seconds for seconds, _ in waits) < ANSWER_S + SLACK_S


@pytest.mark.usefixtures("requires_postgresql")
def test_streams_hear_of_what_changes_after_the_link_is_healed(shop, protocols):
    wait_until_served(protocols)
    with listening() as listen:
        client = listen(f"{shop.servers[1].url}/api/v1/products/events")
        client.wait_until(lambda: client.is_answered.is_set(), "an answer")
        shop.link.cut()
        try:
            assert protocols["REST v1"].order() is not None
        finally:
            shop.link.heal()
        wait_until_served(protocols)

        with shop.database():
            product = make_product()
        client.wait_until(lambda: product.pk in [block.data["product_id"] for block in client.of("product")], "it")


def at_once(asks: list[Callable[[], Outage | None]]) -> list[tuple[float, Outage | None]]:
    """Ask all at the same time; return how long each waited, and what it was answered."""

    def timed(ask: Callable[[], Outage | None]) -> tuple[float, Outage | None]:
        start = time.monotonic()
        outage = ask()
        return time.monotonic() - start, outage

    with ThreadPoolExecutor(len(asks)) as callers:
        return list(callers.map(timed, asks))
