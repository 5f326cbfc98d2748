"""The figures of a period: from summaries where they are valid, else from the rows of orders. Always exact."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from core.moments import shop_zone
from orders.models import Order, OrderItem, OrderStatus
from reports.models import ChangedSale, ProductSales, ProductSalesMonth, SalesDay
from reports.periods import DAY, Period

LOST = (OrderStatus.CANCELLED, OrderStatus.REFUNDED)
ZERO = Decimal(0)
SOLD = Coalesce("product_id", "former_product_id")  # the product of a line, even if it was deleted


@dataclass
class SalesFigures:
    """Numbers and totals of orders. `orders` and `revenue` are without those that were cancelled or refunded."""

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


class SoldProduct(NamedTuple):
    product_id: int
    units: int
    revenue: Decimal


def figures_by_day(period: Period) -> dict[date, SalesFigures]:
    """Return the figures of each day of the period, in order. At most three statements."""
    found = _summarised(period)
    found |= figures_of_rows(_ranges(day for day in period.days() if day not in found))
    return {day: found.get(day, SalesFigures()) for day in period.days()}


def total_of(days: Iterable[SalesFigures]) -> SalesFigures:
    total = SalesFigures()
    for figures in days:
        total = total.plus(figures)
    return total


def best_sellers(period: Period, count: int) -> list[SoldProduct]:
    """Return the products with the highest revenue in the period. At most five statements."""
    summarised = _summarised(period)
    ranges = _ranges(day for day in period.days() if day not in summarised)
    sold: dict[int, tuple[int, Decimal]] = defaultdict(lambda: (0, ZERO))
    for product_id, units, revenue in (*_products_of_summaries(summarised, period), *_products_of_rows(ranges)):
        before = sold[product_id]
        sold[product_id] = before[0] + units, before[1] + revenue
    ranked = sorted(sold.items(), key=lambda item: (-item[1][1], item[0]))
    return [SoldProduct(product_id, *figures) for product_id, figures in ranked[:count]]


def changed_days(period: Period) -> set[date]:
    """Return the days with orders that changed since their summary, or may have. One statement."""
    start, end = period.bounds()
    marks = ChangedSale.objects.filter(at__gte=start, at__lt=end)
    return set(marks.values_list(TruncDate("at", tzinfo=shop_zone()), flat=True).distinct())


def _summarised(period: Period) -> dict[date, SalesFigures]:
    """Return the days with a valid summary.

    The summaries are read before the marks: a day that is summarised in between counts as changed, and is read from
    the rows.
    """
    rows = SalesDay.objects.filter(day__range=(period.first, period.last), time_zone=str(shop_zone()))
    found = {day: SalesFigures(*values) for day, *values in rows.values_list("day", *FIGURES)}
    changed = changed_days(period) if found else set()
    return {day: figures for day, figures in found.items() if day not in changed}


def _ranges(days: Iterable[date]) -> list[Period]:
    """Join ascending days to periods."""
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
    """Return the lines of the orders that count, if they name a product: `SOLD` is its id."""
    lines = OrderItem.objects.filter(_placed_in(ranges, "order__created_at")).exclude(order__status__in=LOST)
    return lines.order_by().filter(Q(product_id__isnull=False) | Q(former_product_id__isnull=False))


def _products_of_rows(ranges: Collection[Period]) -> Iterator[tuple[int, int, Decimal]]:
    if ranges:
        lines = lines_of_rows(ranges).values_list(SOLD)
        yield from lines.annotate(Sum("quantity"), Sum("line_total"))


def _products_of_summaries(days: Collection[date], period: Period) -> Iterator[tuple[int, int, Decimal]]:
    months = [month for month in period.whole_months() if all(day in days for day in month.days())]
    in_months = {day for month in months for day in month.days()}
    ranges = _ranges(day for day in period.days() if day in days and day not in in_months)
    if months:
        yield from _by_product(ProductSalesMonth.objects.filter(month__in=[month.first for month in months]))
    if ranges:
        condition = Q()
        for each in ranges:
            condition |= Q(day__range=(each.first, each.last))
        yield from _by_product(ProductSales.objects.filter(condition))


def _by_product(rows: QuerySet[Any]) -> Iterator[tuple[int, int, Decimal]]:
    yield from rows.order_by().values_list("product_id").annotate(Sum("units"), Sum("revenue"))
