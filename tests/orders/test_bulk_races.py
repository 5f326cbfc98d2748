"""Many orders moved at once by many callers, over sockets, against two server processes, of which one is killed."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from catalog.models import Product
from orders.models import Order, OrderEvent, OrderItem
from tests.support.api import access_token
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.live import Shop
from tests.support.threads import at_once

MANY = 500


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """Two server processes on one database."""
    return live_shops(processes=2)


def move_call(url: str, token: str, verb: str, ids: Sequence[int], key: str = "") -> Callable[[], httpx.Response]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    body = {"verb": verb, "orders": [{"order_id": pk} for pk in ids]}
    return lambda: httpx.post(f"{url}/api/v1/orders/moves", json=body, headers=headers, timeout=60)


def test_requests_with_the_same_orders_move_each_once_beside_sales(shop):
    with shop.database():
        products = [make_product(stock=100).pk for _ in range(3)]
        orders = [make_order(lines={Product(pk=pk): 1 for pk in products}).pk for _ in range(20)]
        staff, buyer = access_token(make_staff()), access_token(make_user())

    def buy(url: str, n: int) -> httpx.Response:
        items = [{"product_id": pk, "quantity": 1} for pk in products[n % 3 :] + products[: n % 3]]
        headers = {"Authorization": f"Bearer {buyer}"}
        return httpx.post(f"{url}/api/v1/orders", json={"items": items}, headers=headers, timeout=60)

    turned = [orders[n * 3 :] + orders[: n * 3] if n % 2 else orders[::-1] for n in range(6)]
    cancels = [move_call(shop.urls[n % 2], staff, "cancel", ids) for n, ids in enumerate(turned)]
    sales = [lambda n=n: buy(shop.urls[n % 2], n) for n in range(12)]
    answers = at_once(*cancels, *sales)

    assert Counter(answer.status_code for answer in answers) == {200: 6, 201: 12}
    results = [row for answer in answers[:6] for row in answer.json()["results"]]
    assert Counter(row.get("code") for row in results) == {None: 20, "invalid_transition": 100}
    with shop.database():
        assert OrderEvent.objects.filter(status="cancelled").count() == 20
        assert set(Product.objects.filter(pk__in=products).values_list("stock", flat=True)) == {100 - 12}
        call_command("checkledger", verbosity=0)


def test_duplicates_with_one_key_have_the_same_results(shop):
    with shop.database():
        orders = [make_order().pk for _ in range(5)]
        staff = access_token(make_staff())

    answers = at_once(*[move_call(shop.urls[n % 2], staff, "pay", orders, key="duplicates") for n in range(6)])

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["moved"] for answer in answers} == {5}
    with shop.database():
        assert OrderEvent.objects.filter(order__in=orders, status="paid").count() == 5


def paid_orders(tea: Product) -> list[int]:
    """Add MANY paid orders of three units."""
    added = [Order(number=f"N{n}", status="paid", total=3) for n in range(MANY)]
    ids = [order.pk for order in Order.objects.bulk_create(added)]
    line: dict[str, Any] = {"product": tea, "name": tea.name, "unit_price": 1, "quantity": 3, "line_total": 3}
    OrderItem.objects.bulk_create(OrderItem(order_id=pk, **line) for pk in ids)
    return ids


def test_killed_server_has_moved_no_order_and_a_retry_moves_each_once(live_shop):
    shop = live_shop(processes=1)
    with shop.database():
        tea, staff = make_product(stock=7), access_token(make_staff())
        ids = paid_orders(tea)
    started = threading.Event()

    def move() -> httpx.Response | None:
        call = move_call(shop.url, staff, "cancel", ids, key="k")
        started.set()
        try:
            return call()
        except httpx.TransportError:
            return None

    def kill() -> None:
        started.wait()
        threading.Event().wait(0.25)  # the moves take more than a second
        shop.servers[0].kill()

    [answer, _] = at_once(move, kill)
    assert answer is None
    with shop.database():
        assert set(Order.objects.values_list("status", flat=True)) == {"paid"}
        assert Product.objects.get().stock == 7

    url = shop.start().url
    first, again = (move_call(url, staff, "cancel", ids, key="k")() for _ in range(2))

    assert first.json() == again.json()
    assert (first.json()["moved"], first.json()["failed"]) == (MANY, 0)
    with shop.database():
        assert OrderEvent.objects.filter(status="cancelled").count() == MANY
        assert Product.objects.get().stock == 7 + 3 * MANY
