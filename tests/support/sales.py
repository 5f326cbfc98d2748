"""Sales of past days, random changes of them, and their figures as plain Python counts them."""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from reports.best_sellers import best_sellers
from reports.periods import Period
from reports.sales import SalesFigures, figures_by_day
from tests.support.factories import make_order

PARIS = ZoneInfo("Europe/Paris")
BUYERS: list[User] = []  # one for all orders of a test


def placed(moment: str | datetime, status: str = "paid", lines: dict[Product, int] | None = None) -> Order:
    order = make_order(BUYERS[-1], lines)
    Order.objects.filter(pk=order.pk).update(created_at=moment, status=status)
    return order


def counted(period: Period) -> tuple[dict[date, SalesFigures], list[tuple[int, int, Decimal]]]:
    """Return the figures and best sellers as plain Python counts them, row by row."""
    days = {day: SalesFigures() for day in period.days()}
    sold: dict[int, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for order in Order.objects.prefetch_related("items"):
        day = order.created_at.astimezone(PARIS).date()
        if day not in days:
            continue
        days[day].add(order.status, 1, order.total)
        if order.status not in ("cancelled", "refunded"):
            for item in order.items.all():
                sold[item.ordered_product_id][0] += item.quantity
                sold[item.ordered_product_id][1] += item.line_total
    ranked = sorted(sold.items(), key=lambda item: (-item[1][1], item[0]))
    return days, [(pk, *values) for pk, values in ranked[:5]]


def reported(period: Period) -> tuple[dict[date, SalesFigures], list[tuple[int, int, Decimal]]]:
    return figures_by_day(period), [tuple(each) for each in best_sellers(period, 5)]


def by_hand(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def change(rng: random.Random) -> None:
    """Make a random change of the kinds that alter figures, by SQL."""
    order = rng.choice(list(Order.objects.all()))
    item = order.items.first()
    kind = rng.randrange(7)
    if kind == 0:
        by_hand("UPDATE orders_order SET status = %s WHERE id = %s", rng.choice(Order.Status.values), order.pk)
    elif kind == 1:
        by_hand("UPDATE orders_order SET total = total + 1 WHERE id = %s", order.pk)
    elif kind == 2:
        Order.objects.filter(pk=order.pk).update(created_at=order.created_at + timedelta(hours=30))
    elif kind == 3 and item:
        by_hand("UPDATE orders_orderitem SET quantity = 9, line_total = 99 WHERE id = %s", item.pk)
    elif kind == 4 and item:
        by_hand("DELETE FROM orders_orderitem WHERE id = %s", item.pk)
    elif kind == 5:
        order.delete()
    elif item and item.product:
        item.product.delete()
