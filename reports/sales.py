"""The figures of a period: from valid summaries, else from the rows of orders. Always exact."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from core.moments import shop_zone
from orders.models import NO_SALE, Order, OrderItem, OrderStatus
from reports.models import ChangedSale, ProductSales, SalesDay
from reports.periods import DAY, Period

ZERO = Decimal(0)
SOLD = Coalesce("product_id", "former_product_id")  # the product of a line, even if it was deleted


@dataclass
class SalesFigures:
    """Numbers and totals of orders. `orders` and `revenue` exclude cancelled and refunded orders."""

    orders: int = 0
    revenue: Decimal = ZERO
    cancelled_orders: int = 0
    cancelled: Decimal = ZERO
    refunded_orders: int = 0
    refunded: Decimal = ZERO

    @property
    def average(self) -> Decimal | None:
        return self.revenue / self.orders if self.orders else None

    def add(self, status: str, orders: int, total: Decimal) -> None:
        if status == OrderStatus.CANCELLED:
            self.cancelled_orders, self.cancelled = self.cancelled_orders + orders, self.cancelled + total
        elif status == OrderStatus.REFUNDED:
            self.refunded_orders, self.refunded = self.refunded_orders + orders, self.refunded + total
        else:
            self.orders, self.revenue = self.orders + orders, self.revenue + total

    def plus(self, other: "SalesFigures") -> "SalesFigures":
        return SalesFigures(*(getattr(self, name) + getattr(other, name) for name in FIGURES))


FIGURES = tuple(field.name for field in fields(SalesFigures))


def figures_by_day(period: Period) -> dict[date, SalesFigures]:
    """Return the figures of each day of the period, in order. At most three statements."""
    found = summarised_in(period)
    found |= figures_of_rows(joined(day for day in period.days() if day not in found))
    return {day: found.get(day, SalesFigures()) for day in period.days()}


def total_of(days: Iterable[SalesFigures]) -> SalesFigures:
    total = SalesFigures()
    for figures in days:
        total = total.plus(figures)
    return total


def changed_days(period: Period) -> set[date]:
    """Return the days with orders that may have changed since the day was summarised. One statement."""
    start, end = period.bounds()
    marks = ChangedSale.objects.filter(at__gte=start, at__lt=end)
    return set(marks.values_list(TruncDate("at", tzinfo=shop_zone()), flat=True).distinct())


def summarised_in(period: Period) -> dict[date, SalesFigures]:
    """Return the days with a valid summary.

    The summaries are read before the marks: a day that is summarised in between counts as changed, and is read from
    the rows.
    """
    rows = SalesDay.objects.filter(day__range=(period.first, period.last), time_zone=str(shop_zone()))
    found = {day: SalesFigures(*values) for day, *values in rows.values_list("day", *FIGURES)}
    changed = changed_days(period) if found else set()
    return {day: figures for day, figures in found.items() if day not in changed}


def joined(days: Iterable[date]) -> list[Period]:
    """Merge ascending days into periods without gaps."""
    ranges: list[Period] = []
    for day in days:
        if ranges and ranges[-1].last + DAY == day:
            ranges[-1] = Period(ranges[-1].first, day)
        else:
            ranges.append(Period(day, day))
    return ranges


def _placed_in(ranges: Collection[Period], lookup: str = "created_at") -> Q:
    condition = Q(pk__in=[])
    for start, end in (each.bounds() for each in ranges):
        condition |= Q((f"{lookup}__gte", start), (f"{lookup}__lt", end))
    return condition


def figures_of_rows(ranges: Collection[Period]) -> dict[date, SalesFigures]:
    """Return the figures of the days that have orders, from the rows. One statement, or none."""
    found: dict[date, SalesFigures] = defaultdict(SalesFigures)
    if ranges:
        orders_placed = Order.objects.filter(_placed_in(ranges)).order_by()
        dated = orders_placed.annotate(day=TruncDate("created_at", tzinfo=shop_zone()))
        sums = dated.values_list("day", "status").annotate(Count("pk"), Sum("total"))
        for day, status, orders, total in sums:
            found[day].add(status, orders, total)
    return found


def lines_of_rows(ranges: Collection[Period]) -> QuerySet[OrderItem]:
    """Return the lines with a product, without those of cancelled and refunded orders. `SOLD` is the product's id."""
    lines = OrderItem.objects.filter(_placed_in(ranges, "order__created_at")).exclude(order__status__in=NO_SALE)
    return lines.order_by().filter(Q(product_id__isnull=False) | Q(former_product_id__isnull=False))


def minus_summaries_of(ranges: Iterable[Period]) -> Iterator[QuerySet[Any]]:
    """Yield queries of (product id, units, revenue) that subtract the summaries of these days from kept sums."""
    for each in ranges:
        days = ProductSales.objects.filter(day__range=(each.first, each.last))
        yield days.values_list("product_id", -F("units"), -F("revenue"))
