"""The products with the highest revenue in a period. Always exact."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet, Sum

from reports.best_of_month import is_most_of_a_month, ranking_by_month
from reports.best_of_year import has_list, ranking_by_list
from reports.models import ProductSales, ProductSalesMonth
from reports.periods import Period
from reports.sales import SOLD, joined, lines_of_rows, summarised_in

SUMMARY = ("product_id", "units", "revenue")
CENT = Decimal("0.01")
# Rounded, so that equal sums of SQLite's floating-point numbers are equal.
RANKING = """
WITH sold(product, units, revenue) AS ({parts}) SELECT product, SUM(units), ROUND(SUM(revenue), 2) AS earned
FROM sold GROUP BY product ORDER BY earned DESC, product LIMIT %s
"""


class SoldProduct(NamedTuple):
    product_id: int
    units: int
    revenue: Decimal


def best_sellers(period: Period, count: int) -> list[SoldProduct]:
    """Return the products with the highest revenue in the period. At most four statements.

    To add up and to sort all products takes long: a large shop sells 150,000 in a month and a million in a year. So for
    a year, its stored list is tried first, and for a month, its sums are read in their order.
    """
    summarised = summarised_in(period)
    rest = joined(day for day in period.days() if day not in summarised)
    rows = list(_products_of_rows(rest))
    if has_list(period, summarised) and (found := ranking_by_list(period, rest, rows, count)):
        return _sold(found)
    if is_most_of_a_month(period, summarised):
        return _sold(ranking_by_month(period, summarised, rows, count))
    parts = [*_products_of_summaries(summarised, period), *rows]
    if not parts:
        return []
    texts, params = zip(*(part.query.sql_with_params() for part in parts), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(RANKING.format(parts=" UNION ALL ".join(texts)), [*chain(*params), count])
        return _sold(cursor.fetchall())


def _sold(rows: Iterable[Sequence[Any]]) -> list[SoldProduct]:
    return [SoldProduct(pk, int(units), Decimal(str(revenue)).quantize(CENT)) for pk, units, revenue in rows]


def _products_of_rows(ranges: Collection[Period]) -> Iterator[QuerySet[Any]]:
    """Yield queries of (product id, units, revenue)."""
    if ranges:
        lines = lines_of_rows(ranges).values_list(SOLD)
        yield lines.annotate(Sum("quantity"), Sum("line_total"))


def _products_of_summaries(days: Collection[date], period: Period) -> Iterator[QuerySet[Any]]:
    """Yield queries of (product id, units, revenue)."""
    months = [month for month in period.whole_months() if all(day in days for day in month.days())]
    in_months = {day for month in months for day in month.days()}
    ranges = joined(day for day in period.days() if day in days and day not in in_months)
    if months:
        yield ProductSalesMonth.objects.filter(month__in=[month.first for month in months]).values_list(*SUMMARY)
    if ranges:
        condition = Q()
        for each in ranges:
            condition |= Q(day__range=(each.first, each.last))
        yield ProductSales.objects.filter(condition).values_list(*SUMMARY)
