"""Writes the summaries of past days."""

from collections.abc import Iterator
from datetime import date

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import TruncDate

from core.moments import shop_now, shop_zone
from orders.models import Order
from reports.best_of_year import delete_lists, refresh_lists
from reports.models import ChangedSale, ProductSales, ProductSalesMonth, SalesDay
from reports.periods import DAY, Period, month_of
from reports.sales import FIGURES, SOLD, SalesFigures, changed_days, figures_of_rows, lines_of_rows

WAIT_DAYS = 1  # a day is summarised so many days after its end, because of the limit in `reports.triggers`
DAYS_AT_ONCE = 31
BATCH_SIZE = 2_000  # rows per INSERT


def summarise_sales() -> int:
    """Summarise each past day without a valid summary. Returns their number."""
    period = _past_days()
    if period is None:
        return 0
    SalesDay.objects.exclude(time_zone=str(shop_zone())).delete()
    known = set(SalesDay.objects.values_list("day", flat=True)) - changed_days(period)
    due = [day for day in period.days() if day not in known]
    for chunk in _chunks(due):
        _summarise(chunk)
    refresh_lists()
    return len(due)


def _past_days() -> Period | None:
    """Return the days from the first order to the last day that may be summarised."""
    first = Order.objects.order_by("created_at").values_list("created_at", flat=True).first()
    if first is None:
        return None
    start, last = first.astimezone(shop_zone()).date(), shop_now().date() - (1 + WAIT_DAYS) * DAY
    return Period(start, last) if start <= last else None


def _chunks(days: list[date]) -> Iterator[Period]:
    """Yield periods of consecutive days, each at most DAYS_AT_ONCE long."""
    start = 0
    for place, day in enumerate(days):
        is_last = place + 1 == len(days) or days[place + 1] != day + DAY
        if is_last or place + 1 - start == DAYS_AT_ONCE:
            yield Period(days[start], day)
            start = place + 1


@transaction.atomic
def _summarise(period: Period) -> None:
    """Replace the summaries of these days.

    Deletes the marks first: a change that commits later leaves a new mark, even if these summaries include it.
    """
    start, end = period.bounds()
    ChangedSale.objects.filter(at__gte=start, at__lt=end).delete()
    found, zone = figures_of_rows([period]), str(shop_zone())
    days = [(day, found.get(day, SalesFigures())) for day in period.days()]
    SalesDay.objects.bulk_create(
        [SalesDay(day=day, time_zone=zone, **vars(figures)) for day, figures in days],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["time_zone", *FIGURES],
    )
    ProductSales.objects.filter(day__range=(period.first, period.last)).delete()
    lines = lines_of_rows([period]).annotate(day=TruncDate("order__created_at", tzinfo=shop_zone()))
    sums = lines.values_list("day", SOLD).annotate(Sum("quantity"), Sum("line_total"))
    ProductSales.objects.bulk_create(
        [ProductSales(day=day, product_id=product, units=units, revenue=total) for day, product, units, total in sums],
        batch_size=BATCH_SIZE,
    )
    delete_lists(period.days())
    for first in sorted({day.replace(day=1) for day in period.days()}):
        _add_up(month_of(first))


def _add_up(month: Period) -> None:
    """Replace the sums of a month."""
    days = ProductSales.objects.filter(day__range=(month.first, month.last))
    sums = days.order_by().values_list("product_id").annotate(Sum("units"), Sum("revenue"))
    ProductSalesMonth.objects.filter(month=month.first).delete()
    ProductSalesMonth.objects.bulk_create(
        [ProductSalesMonth(month=month.first, product_id=pk, units=units, revenue=total) for pk, units, total in sums],
        batch_size=BATCH_SIZE,
    )
