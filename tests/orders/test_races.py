"""Many callers at once, over sockets, against two server processes; and servers that are killed."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db.models import Sum

from catalog.models import Product
from orders.models import Order, OrderItem
from tests.support.api import access_token
from tests.support.factories import make_product, make_user
from tests.support.live import Shop
from tests.support.threads import at_once

pytestmark = pytest.mark.unmeasured


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """Two server processes on one database."""
    return live_shops(processes=2)


def order_call(url: str, token: str, items: dict[int, int], key: str | None = None) -> Callable[[], httpx.Response]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    body = {"items": [{"product_id": pk, "quantity": units} for pk, units in items.items()]}
    return lambda: httpx.post(f"{url}/api/v1/orders", json=body, headers=headers, timeout=60)


def test_sixty_buyers_of_forty_units_make_forty_orders(shop):
    with shop.database():
        product = make_product(stock=40)
        tokens = [access_token(make_user()) for _ in range(60)]

    answers = at_once(*[order_call(shop.urls[n % 2], token, {product.pk: 1}) for n, token in enumerate(tokens)])

    assert Counter(answer.status_code for answer in answers) == {201: 40, 409: 20}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"out_of_stock"}
    with shop.database():
        product.refresh_from_db()
        assert (product.stock, product.version) == (0, 41)
        orders = Order.objects.filter(items__product=product)
        assert orders.count() == 40
        assert orders.values("user").distinct().count() == 40


def test_baskets_in_any_order_neither_deadlock_nor_oversell(shop):
    with shop.database():
        ids = [make_product(stock=25).pk for _ in range(3)]
        tokens = [access_token(make_user()) for _ in range(30)]
    baskets = [ids[n % 3 :] + ids[: n % 3] for n in range(30)]

    answers = at_once(
        *[order_call(shop.urls[n % 2], token, dict.fromkeys(baskets[n], 1)) for n, token in enumerate(tokens)]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 25, 409: 5}
    with shop.database():
        assert list(Product.objects.filter(pk__in=ids).values_list("stock", flat=True)) == [0, 0, 0]
        assert OrderItem.objects.filter(product__in=ids).count() == 75


def test_eight_duplicates_with_one_key_make_one_order(shop):
    with shop.database():
        product = make_product(stock=10)
        token = access_token(make_user())

    answers = at_once(*[order_call(shop.urls[n % 2], token, {product.pk: 2}, key="duplicates") for n in range(8)])

    assert {answer.status_code for answer in answers} == {201}
    bodies = {answer.text.replace(str(answer.url.copy_with(path="/")), "/") for answer in answers}
    assert len(bodies) == 1  # but for the address of the process that answered
    assert len({httpx.URL(answer.headers["Location"]).path for answer in answers}) == 1
    with shop.database():
        product.refresh_from_db()
        assert (product.stock, Order.objects.filter(items__product=product).count()) == (8, 1)


def test_cancelling_eight_times_at_once_gives_the_stock_back_once(shop):
    with shop.database():
        product = make_product(stock=5)
        token = access_token(make_user())
    headers = {"Authorization": f"Bearer {token}"}
    order = order_call(shop.url, token, {product.pk: 3})().json()

    answers = at_once(
        *[
            lambda url=shop.urls[n % 2]: httpx.post(f"{url}/api/v1/orders/{order['id']}/cancel", headers=headers)
            for n in range(8)
        ]
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
    with shop.database():
        product.refresh_from_db()
        assert product.stock == 5


def test_two_changes_from_one_version_let_one_through(shop):
    with shop.database():
        product = make_product(stock=5)
        headers = {"Authorization": f"Bearer {access_token(make_user(is_staff=True))}", "If-Match": f'"{product.pk}-1"'}

    answers = at_once(
        *[
            lambda n=n: httpx.patch(
                f"{shop.urls[n % 2]}/api/v1/products/{product.pk}", json={"stock": n}, headers=headers
            )
            for n in range(8)
        ]
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    with shop.database():
        product.refresh_from_db()
        assert (product.stock, product.version) == (winner["stock"], 2)


class Buyer(threading.Thread):
    """Orders one unit after the other, each with a key of its own, and remembers what came of each key."""

    def __init__(self, url: str, token: str, product_id: int) -> None:
        super().__init__()
        self.url, self.token, self.product_id = url, token, product_id
        self.acknowledged: dict[str, Any] = {}
        self.unsettled: list[str] = []

    def run(self) -> None:
        while not self.unsettled:
            key = uuid4().hex
            try:
                answer = order_call(self.url, self.token, {self.product_id: 1}, key)()
            except httpx.TransportError:
                self.unsettled.append(key)
            else:
                self.acknowledged[key] = answer.json()


def test_killed_server_loses_no_acknowledged_order_and_leaves_no_half_one(live_shop):
    shop = live_shop(processes=1)
    with shop.database():
        product = make_product(stock=100_000)
        tokens = [access_token(make_user()) for _ in range(6)]
    buyers = [Buyer(shop.url, token, product.pk) for token in tokens]
    for buyer in buyers:
        buyer.start()
    while sum(len(buyer.acknowledged) for buyer in buyers) < 60:
        time.sleep(0.005)

    shop.servers[0].kill()
    for buyer in buyers:
        buyer.join()

    acknowledged = {order["id"]: order for buyer in buyers for order in buyer.acknowledged.values()}
    with shop.database():
        placed = Order.objects.count()
        assert set(acknowledged) <= set(Order.objects.values_list("pk", flat=True))
        assert Order.objects.filter(items=None).count() == 0
        assert Order.objects.filter(events=None).count() == 0
        assert OrderItem.objects.aggregate(units=Sum("quantity"))["units"] == placed
        product.refresh_from_db()
        assert product.stock == 100_000 - placed

    url = shop.start().url
    retries = [order_call(url, buyer.token, {product.pk: 1}, buyer.unsettled[0])() for buyer in buyers]
    replays = [order_call(url, buyer.token, {product.pk: 1}, key)() for buyer in buyers for key in buyer.acknowledged]

    assert {answer.status_code for answer in retries + replays} == {201}
    assert {answer.json()["id"] for answer in replays} == set(acknowledged)
    with shop.database():
        total = len(acknowledged) + len(buyers)  # every key has exactly one order
        assert Order.objects.count() == total
        product.refresh_from_db()
        assert product.stock == 100_000 - total
