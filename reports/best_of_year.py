"""A stored list of the best sellers of each year, so that a report on a year does not add up the whole year.

`manage.py summarisesales` writes the lists from the summaries. If days have changed since, the products sold on these
days are computed again: the sums of the year, minus the summaries of these days, plus their rows. All other products
are as in the list.
"""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import ExtractYear, Round

from core.moments import shop_now
from reports.models import BestOfYear, ProductSalesMonth, SalesDay
from reports.periods import Period
from reports.sales import minus_summaries_of

LISTED = 1_000  # products in the list of a year
MOST_DAYS = 31  # the list is not used if more days have no valid summary
NONE = "SELECT 0, 0, 0.0 WHERE 1 = 0"
RANKING = """
WITH parts(product, units, revenue) AS ({parts}),
changed(product, units, revenue) AS (SELECT product, SUM(units), SUM(revenue) FROM parts GROUP BY product),
days(number, total) AS (SELECT COUNT(*), ROUND(SUM(revenue), 2) FROM reports_salesday WHERE day BETWEEN %s AND %s),
listed(product, units, revenue) AS (
    SELECT product_id, units, revenue FROM reports_bestofyear
    JOIN days ON reports_bestofyear.days = days.number AND reports_bestofyear.total = days.total
    WHERE year = %s AND product_id NOT IN (SELECT product FROM changed)
),
sold(product, units, revenue) AS (
    SELECT * FROM listed UNION ALL SELECT * FROM changed
    UNION ALL SELECT product, sums.units, sums.revenue FROM changed
    JOIN reports_productsalesmonth sums ON sums.product_id = product AND sums.month BETWEEN %s AND %s
)
SELECT product, SUM(units), ROUND(SUM(revenue), 2) AS earned, (SELECT COUNT(*) FROM listed)
FROM sold GROUP BY product HAVING SUM(units) > 0 ORDER BY earned DESC, product LIMIT %s
"""


def has_list(period: Period, summarised: Collection[date]) -> bool:
    """Whether the period is a calendar year, or the part of it until today, and almost all its days are summarised."""
    year = _year(period.first.year)
    is_year = period.first == year.first and min(year.last, shop_now().date()) <= period.last <= year.last
    if not (is_year and summarised):
        return False
    since_first_order = (period.last - min(summarised)).days + 1
    return since_first_order - len(summarised) <= MOST_DAYS


def ranking_by_list(
    period: Period, unsummarised: Collection[Period], rows: Iterable[QuerySet[Any]], count: int
) -> list[tuple[int, int, Any]]:
    """Return (product id, units, revenue) of the best sellers; an empty list if the stored list is too short.

    `rows` are queries of the same three columns for the days of `unsummarised`. If the stored list has at least `count`
    products that were not sold on these days, no unlisted product can be among the first `count`. One statement.
    """
    year = _year(period.first.year)
    texts, params = [NONE], list[Any]()
    for query in (*minus_summaries_of(unsummarised), *rows):
        text, values = query.query.sql_with_params()
        texts.append(text)
        params += values
    with connection.cursor() as cursor:
        bounds = [year.first, year.last]
        params += [*bounds, year.first.year, *bounds, count]
        cursor.execute(RANKING.format(parts=" UNION ALL ".join(texts)), params)
        found = cursor.fetchall()
    is_enough = bool(found) and found[0][-1] >= count
    return [row[:3] for row in found] if is_enough else []


def delete_lists(days: Iterable[date]) -> None:
    """Delete the lists of the years of these days, because the sums of these years change."""
    BestOfYear.objects.filter(year__in={day.year for day in days}).delete()


def refresh_lists() -> None:
    """Write the list of each year that has none, or whose list is outdated."""
    years = SalesDay.objects.annotate(year=ExtractYear("day")).order_by("year").values_list("year")
    listed = set(BestOfYear.objects.values_list("year", "days", "total").distinct())
    for year, days, total in years.annotate(days=Count("pk"), total=Round(Sum("revenue"), 2)):
        if (year, days, total) not in listed:
            _write_list(year)


@transaction.atomic
def _write_list(number: int) -> None:
    year = _year(number)
    BestOfYear.objects.filter(year=number).delete()
    facts = SalesDay.objects.filter(day__range=(year.first, year.last))
    state = facts.aggregate(days=Count("pk"), total=Round(Sum("revenue"), 2))
    months = ProductSalesMonth.objects.filter(month__range=(year.first, year.last)).order_by()
    sums = months.values_list("product_id").annotate(Sum("units"), earned=Round(Sum("revenue"), 2))
    best = sums.order_by("-earned", "product_id")[:LISTED]
    BestOfYear.objects.bulk_create(
        BestOfYear(year=number, product_id=pk, units=units, revenue=revenue, **state) for pk, units, revenue in best
    )


def _year(number: int) -> Period:
    return Period(date(number, 1, 1), date(number, 12, 31))
