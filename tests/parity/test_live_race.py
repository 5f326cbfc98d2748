"""One product, four writers, five live protocols that are cut off and resumed: all are told the same, once, in order.

Larger by hand, so many changes a writer and cuts a follower: `SHOP_RACE="250 50" python -m pytest -s` on this file.
"""

import json
import os
import sqlite3
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from core.feed.events import newest_seq, position_now
from core.models import ChangeEvent
from tests.parity.live_race import PROTOCOLS, Target, Told, judged, race
from tests.support.api import access_token
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop
from tests.support.rpc import GrpcServer

UPDATE = "UPDATE catalog_product SET stock = {mark} WHERE id = {mark}"


def by_hand(database_url: str, product_id: int) -> Callable[[int], Any]:
    """Return what sets the product's stock in SQL, on a connection of its own."""
    if database_url.startswith("sqlite"):
        raw = sqlite3.connect(urlsplit(database_url).path, isolation_level=None, timeout=20, check_same_thread=False)
        return lambda stock: raw.execute(UPDATE.format(mark="?"), (stock, product_id))
    direct = psycopg.connect(database_url, autocommit=True)
    return lambda stock: direct.execute(UPDATE.format(mark="%s"), (stock, product_id))


def written(shop: Shop, begin: str) -> list[Told]:
    """Return what happened since, as the database has it."""
    with shop.database():
        newest_seq()
        rows = ChangeEvent.objects.filter(seq__gt=int(begin)).order_by("seq")
        return [Told(str(row.seq), float(row.price), row.stock) for row in rows]


@pytest.mark.unmeasured
def test_five_protocols_that_are_cut_off_tell_the_same(live_shop):
    changes, cuts = map(int, os.environ.get("SHOP_RACE", "25 10").split())
    shop = live_shop(processes=2)
    others = [GrpcServer(shop.folder, shop.env) for _ in range(2)]
    try:
        with shop.database():
            product, token, begin = make_product(price=1, stock=1), access_token(make_staff()), str(position_now())
        for server in others:
            server.wait_until_live()
        target = Target(shop.urls, [server.port for server in others], product.pk, token)
        followers = race(target, begin, by_hand(shop.database_url, product.pk), changes, cuts)
    finally:
        for server in others:
            server.kill()

    truth = written(shop, begin)
    figures = {follower.own: judged(follower, truth) for follower in followers}
    print(json.dumps({"changes": len(truth), **figures}, indent=1))  # noqa: T201  # for who runs it by hand
    assert len(truth) == 4 * changes
    assert list(figures) == list(PROTOCOLS)
    for figure in figures.values():
        assert (figure["missed"], figure["doubled"], figure["equal"]) == (0, 0, True)
        assert figure["cuts"] == cuts
