"""The best sellers equal the sums of the rows, from the kept sums of months and the list of a year."""

import random
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from orders.models import Order
from reports import best_of_year
from reports.best_of_month import ranking_by_month
from reports.best_sellers import best_sellers
from reports.models import BestOfYear, ProductSales, ProductSalesMonth, SalesDay
from reports.periods import Period, month_of
from reports.summaries import summarise_sales
from tests.support.factories import make_product
from tests.support.sales import by_hand, change, counted, placed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("paris")]
MARCH = Period(date(2025, 3, 1), date(2025, 3, 31))
MOST_OF_MARCH = Period(date(2025, 3, 3), date(2025, 3, 30))


def test_best_sellers_of_a_year_are_read_by_month() -> None:
    placed("2025-01-31T12:00:00Z")
    for month in (2, 3, 4):
        placed(f"2025-{month:02}-10T12:00:00Z", lines={make_product(price=month): 1})
    summarise_sales()
    year = Period(date(2025, 1, 15), date(2025, 4, 20))
    assert [(month.first.month, month.last.day) for month in year.whole_months()] == [(2, 28), (3, 31)]

    with CaptureQueriesContext(connection) as queries:
        found = [tuple(each) for each in best_sellers(year, 5)]

    assert found == counted(year)[1]
    [ranking] = [query["sql"] for query in queries if "reports_productsalesmonth" in query["sql"]]
    months = ranking.partition('"month" IN (')[2].partition(")")[0]
    assert re.findall(r"[0-9-]{10}", months) == ["2025-02-01", "2025-03-01"]


def place_at_random(rng: random.Random, products: list[Product], *, orders: int, begin: datetime, days: int) -> None:
    for _ in range(orders):
        lines = {product: rng.randint(1, 3) for product in rng.sample(products, 2)}
        moment = begin + timedelta(minutes=rng.randrange(days * 24 * 60))
        placed(moment, rng.choice(Order.Status.values), lines)


def uses_while_rows_change(rng: random.Random, period: Period, *, count: int, steps: int, table: str) -> int:
    """Compare the best sellers with plain counting after each random change; return how often `table` was read."""
    uses = 0
    for step in range(steps):
        if step % 5 == 0:
            summarise_sales()
        with CaptureQueriesContext(connection) as queries:
            found = [tuple(each) for each in best_sellers(period, count)]
        assert found == counted(period)[1][:count], step
        uses += table in queries[-1]["sql"]
        change(rng)
    return uses


@pytest.mark.long
@pytest.mark.parametrize("listed", [3, 1_000])
def test_best_sellers_of_a_year_equal_the_rows_with_a_list(listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_of_year, "LISTED", listed)
    rng, year = random.Random(11), Period(date(2025, 1, 1), date(2025, 12, 31))
    products = [make_product(price=f"{n}.10", stock=1_000) for n in range(1, 10)]
    place_at_random(rng, products, orders=60, begin=datetime(2025, 2, 3, 12, tzinfo=UTC), days=80)

    uses = uses_while_rows_change(rng, year, count=2, steps=40, table="reports_bestofyear")

    assert 8 <= uses <= 40  # else the months were added up


@pytest.mark.parametrize("period", [MARCH, MOST_OF_MARCH], ids=str)
@pytest.mark.parametrize("prices", [[1, 2, 3, 4, 5] * 2, [n**3 for n in range(1, 11)]], ids=["close", "far"])
def test_best_sellers_of_a_month_equal_the_rows_with_its_sums(period: Period, prices: list[int]) -> None:
    rng = random.Random(13)
    products = [make_product(price=price, stock=1_000) for price in prices]
    place_at_random(rng, products, orders=50, begin=datetime(2025, 2, 27, 12, tzinfo=UTC), days=36)

    uses = uses_while_rows_change(rng, period, count=3, steps=20, table="reports_productsalesmonth")

    assert uses >= 10  # else the days were added up


def test_sums_of_a_month_leave_out_days_summarised_in_another_time_zone() -> None:
    for day, price in ((10, 5), (11, 4), (31, 3)):
        placed(f"2025-03-{day}T23:30:00Z", lines={make_product(price=price): 1})  # in Paris, the next day
    summarise_sales()
    SalesDay.objects.filter(day="2025-03-11").update(time_zone="UTC")
    ProductSales.objects.filter(day="2025-03-11").update(units=7)
    ProductSalesMonth.objects.filter(revenue=5).update(units=7)

    assert [(each.units, int(each.revenue)) for each in best_sellers(MARCH, 5)] == [(1, 5), (1, 4)]


def test_few_days_of_a_month_are_added_up() -> None:
    placed("2025-03-10T12:00:00Z")
    placed("2025-03-31T12:00:00Z")
    summarise_sales()

    with CaptureQueriesContext(connection) as queries:
        assert len(best_sellers(Period(date(2025, 3, 8), date(2025, 3, 14)), 5)) == 1

    assert "reports_productsalesmonth" not in queries[-1]["sql"]


@pytest.mark.usefixtures("requires_postgresql")
def test_best_sellers_of_a_month_are_read_from_an_index() -> None:
    firsts = [date(2020 + n // 12, n % 12 + 1, 1) for n in range(60)]
    ProductSalesMonth.objects.bulk_create(
        ProductSalesMonth(month=first, product_id=pk, units=1, revenue=pk) for first in firsts for pk in range(200)
    )
    by_hand("ANALYZE reports_productsalesmonth")
    month = month_of(firsts[7])

    with CaptureQueriesContext(connection) as queries:
        assert ranking_by_month(month, set(month.days()), [], 2) == [(199, 1, 199), (198, 1, 198)]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[-1]['sql']}")
        assert "Index Scan using reports_productsalesmonth_best" in "".join(line for (line,) in cursor.fetchall())


def test_list_of_a_year_is_not_used_when_its_summaries_differ() -> None:
    year = Period(date(2025, 1, 1), date(2025, 12, 31))
    for price in (5, 4, 3):
        placed("2025-03-10T12:00:00Z", lines={make_product(price=price): 1})
    summarise_sales()
    assert [int(each.revenue) for each in best_sellers(year, 2)] == [5, 4]
    SalesDay.objects.filter(day="2025-03-10").update(revenue=1)
    BestOfYear.objects.filter(revenue=5).update(revenue=9)

    assert [int(each.revenue) for each in best_sellers(year, 2)] == [5, 4]
    summarise_sales()
    assert [int(revenue) for revenue in BestOfYear.objects.order_by("-revenue").values_list("revenue", flat=True)] == [
        5,
        4,
        3,
    ]
