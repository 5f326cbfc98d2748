"""The race of `python -m tests.faults.ledger_race`."""

import random
import sys
import threading
import time
from collections import Counter

import django

django.setup()

from django.core.management import CommandError, call_command  # noqa: E402  # Django first
from django.db import connection  # noqa: E402

from catalog.bulk.price_lists import apply_price_list, plan_price_list  # noqa: E402
from catalog.models import Product, ProductHistory  # noqa: E402
from tests.faults.servers import Shop  # noqa: E402
from tests.faults.trade import Act, trade_over_graphql, trade_over_grpc, trade_over_rest  # noqa: E402
from tests.support.api import access_token  # noqa: E402
from tests.support.factories import make_product, make_staff  # noqa: E402

PRODUCTS, STOCK = 3, 200  # few, so that the writers meet, and run out of stock
PRICE_LIST_EVERY_S, SQL_EVERY_S = 0.2, 0.1


class Race:
    def __init__(self, shop: Shop, seconds: float) -> None:
        self.seconds, self.counted, self.staff = seconds, Counter[str](), make_staff()
        self.skus = {make_product(stock=STOCK, sku=f"R-{number}").pk: f"R-{number}" for number in range(PRODUCTS)}
        token = access_token(self.staff)
        self.writers: list[tuple[list[Act], float]] = [
            (list(trade_over_rest(shop.url, token)), 0),
            (list(trade_over_graphql(shop.url, token)), 0),
            (list(trade_over_grpc(shop.grpc_port, token)), 0),
            ([self._import], PRICE_LIST_EVERY_S),
            ([_write_sql], SQL_EVERY_S),
        ]

    def report(self) -> int:
        """Race, print what was done, and compare. Return 1 if a stock differs from its ledger or is negative."""
        ends_at = time.monotonic() + self.seconds
        threads = [threading.Thread(target=self._go_on, args=(ends_at, *writer)) for writer in self.writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stocks = dict(Product.objects.values_list("pk", "stock"))
        movements = ProductHistory.objects.filter(units__isnull=False).count()
        lines = [f"{outcome}: {number}" for outcome, number in sorted(self.counted.items())]
        sys.stdout.write("\n".join([*lines, f"movements in the ledger: {movements}; stocks: {stocks}", ""]))
        try:
            call_command("checkledger")
        except CommandError as error:
            sys.stdout.write(f"{error}\n")
            return 1
        return int(any(stock < 0 for stock in stocks.values()))

    def _go_on(self, ends_at: float, acts: list[Act], pause_s: float) -> None:
        while time.monotonic() < ends_at:
            outcome = random.choice(acts)(random.choice([*self.skus]))
            self.counted[outcome] += 1
            time.sleep(pause_s)
        connection.close()

    def _import(self, pk: int) -> str:
        row = f"{self.skus[pk]},{random.randrange(100, 999) / 100},{random.choice([0, 3, 9])}"
        rows = plan_price_list(f"sku,price,stock\n{row}\n".encode(), adds=random.random() < 0.7)
        refused = apply_price_list(actor=self.staff, rows=rows, all_or_none=False)
        return "Price list changed meanwhile" if refused else "Price list OK"


def _write_sql(pk: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET stock = stock + 1 WHERE id = %s", [pk])
    return "SQL OK"
