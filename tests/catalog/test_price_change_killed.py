"""A server that is killed while it changes thousands of prices, and the retry with the same key at another one."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import httpx
from django.utils import timezone

from catalog.models import PriceChange, Product
from tests.support.api import access_token
from tests.support.factories import make_staff
from tests.support.waiting import wait_until

PRODUCTS, OLD, NEW = 6_000, Decimal("10.00"), Decimal("11.00")
PATIENCE_S = 120


def call(url: str, token: str, path: str = "", **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    url = f"{url}/api/v1/price-changes{path}"
    return httpx.post(url, json=body or None, headers=headers, timeout=PATIENCE_S)


def number_at(price: Decimal) -> int:
    return Product.objects.filter(price=price).count()


def test_retry_continues_the_change_of_a_killed_server_and_the_undo_restores_every_price(
    live_shop: Callable[..., Any],
) -> None:
    shop = live_shop(processes=1)
    with shop.database():
        Product.objects.bulk_create(Product(name=f"Tea {n}", price=OLD, stock=9) for n in range(PRODUCTS))
        token = access_token(make_staff())
    errors: list[Exception] = []

    def lose() -> None:
        try:
            call(shop.url, token, percent=10)
        except httpx.TransportError as error:
            errors.append(error)

    first = Thread(target=lose)
    first.start()
    with shop.database():
        wait_until(lambda: number_at(NEW), "No price changed", PATIENCE_S)
        shop.servers[0].kill()
        first.join()
        done = number_at(NEW)
        assert (len(errors), 0 < done < PRODUCTS, done % 500) == (1, True, 0)

    url = shop.start().url
    early = call(url, token, percent=10)
    with shop.database():
        assert number_at(NEW) == done
        PriceChange.objects.update(busy_until=timezone.now() - timedelta(seconds=1))  # ten minutes later
    retried = call(url, token, percent=10)
    undone = call(url, token, f"/{retried.json()['id']}/undo")

    assert (early.status_code, early.json()["code"], early.headers["Retry-After"]) == (409, "in_progress", "1")
    assert (retried.status_code, retried.json()["changed"], retried.json()["stale"]) == (201, PRODUCTS, 0)
    assert (undone.status_code, undone.json()["restored"]) == (200, PRODUCTS)
    with shop.database():
        assert {*Product.objects.values_list("price", "version")} == {(OLD, 3)}
