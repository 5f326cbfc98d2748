"""The best sellers of a month, or of most of its days, without adding up all products.

The kept sums of a month have all its summarised days, and an index has their order. If a period has almost these days,
the products sold on the other days differ from their sums: by the summaries of the days that do not count, and by the
rows of the days without a valid summary. With the largest differences it is known which sums are too low for a product
to be among the first. These are not read.
"""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from core.moments import shop_now
from reports.periods import Period, month_of
from reports.sales import joined, minus_summaries_of

NONE = "SELECT 0, 0, 0.0 WHERE 1 = 0"
# `count` products have at least the sum of the last of them, with the largest loss. With the largest gain, a product of
# a lower sum than `least` has less than these. One cent more, because SQLite's sums are floating-point numbers.
RANKING = """
WITH parts(product, units, revenue) AS ({parts}),
differing(product, units, revenue) AS (SELECT product, SUM(units), SUM(revenue) FROM parts GROUP BY product),
bounds(loss, gain) AS (
    SELECT MIN(revenue), MAX(revenue) FROM (SELECT revenue FROM differing UNION ALL SELECT 0.0) AS differences
),
least(revenue) AS (
    SELECT revenue + loss - gain - 0.01 FROM reports_productsalesmonth, bounds
    WHERE month = %s ORDER BY revenue DESC LIMIT 1 OFFSET %s
),
sold(product, units, revenue) AS (
    SELECT product_id, units, revenue FROM reports_productsalesmonth
    WHERE month = %s AND revenue >= COALESCE((SELECT revenue FROM least), 0) UNION ALL SELECT * FROM differing
)
SELECT product, SUM(units), ROUND(SUM(revenue), 2) AS earned
FROM sold GROUP BY product HAVING SUM(units) > 0 ORDER BY earned DESC, product LIMIT %s
"""


def is_most_of_a_month(period: Period, summarised: Collection[date]) -> bool:
    """Whether the period has two thirds of the past days of one month or more, with valid summaries."""
    month = month_of(period.first)
    past = Period(month.first, min(month.last, shop_now().date()))
    others = sum(1 for day in past.days() if day not in summarised)
    return period.last <= month.last and others * 2 <= len(summarised) > 0


def ranking_by_month(
    period: Period, summarised: Collection[date], rows: Iterable[QuerySet[Any]], count: int
) -> list[tuple[int, int, Any]]:
    """Return (product id, units, revenue) of the best sellers. One statement.

    `summarised` are the days of the period with a valid summary, and `rows` are queries of the same three columns for
    its other days.
    """
    month = month_of(period.first)
    others = joined(day for day in month.days() if day not in summarised)
    texts, params = [NONE], list[Any]()
    for query in (*minus_summaries_of(others), *rows):
        text, values = query.query.sql_with_params()
        texts.append(text)
        params += values
    with connection.cursor() as cursor:
        params += [month.first, count - 1, month.first, count]
        cursor.execute(RANKING.format(parts=" UNION ALL ".join(texts)), params)
        found: list[tuple[int, int, Any]] = cursor.fetchall()
    return found
