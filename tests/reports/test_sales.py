"""The figures about sales equal the sums of the rows: with summaries, without, and after every kind of change."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.moments import shop_now
from orders.models import Order
from reports.admin.curve import curve_of
from reports.best_sellers import best_sellers
from reports.models import ChangedSale, ProductSales, SalesDay
from reports.periods import PERIODS, Period
from reports.sales import SalesFigures, figures_by_day, total_of
from reports.summaries import summarise_sales
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.sales import change, counted, placed, reported

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("paris")]

PAGE = "/admin/reports/salesday/"
SPRING = Period(date(2025, 3, 25), date(2025, 4, 3))  # clocks go forward on 30 March
WITH_MONTHS = Period(date(2025, 2, 20), date(2025, 5, 3))  # April is read as a month


@pytest.mark.long
def test_figures_equal_the_rows_whatever_changes_after_they_were_summarised() -> None:
    rng = random.Random(7)
    products = [make_product(price=f"{n}.10", stock=1_000) for n in range(1, 8)]
    start = datetime(2025, 3, 24, 12, tzinfo=UTC)
    for _ in range(40):
        lines = {product: rng.randint(1, 3) for product in rng.sample(products, 2)}
        placed(start + timedelta(minutes=rng.randrange(11 * 24 * 60)), rng.choice(Order.Status.values), lines)
    assert reported(SPRING) == counted(SPRING)
    summarise_sales()
    assert SalesDay.objects.filter(day__range=(SPRING.first, SPRING.last)).count() == 10
    assert not ChangedSale.objects.filter(at__lt=datetime(2025, 4, 4, tzinfo=UTC)).exists()
    assert reported(SPRING) == counted(SPRING)

    for step in range(30):
        change(rng)
        if step % 7 == 6:
            summarise_sales()
        assert reported(SPRING) == counted(SPRING), step
        assert reported(WITH_MONTHS) == counted(WITH_MONTHS), step


def test_days_begin_in_the_time_zone_of_the_shop(settings: Any) -> None:
    placed("2025-03-29T22:59:59Z")  # 23:59 in Paris
    placed("2025-03-29T23:00:00Z")  # midnight
    placed("2025-03-30T21:59:59Z")  # the day has 23 hours
    placed("2025-03-30T22:00:00Z")
    summarise_sales()

    assert [each.orders for each in figures_by_day(Period(date(2025, 3, 29), date(2025, 3, 31))).values()] == [1, 2, 1]
    settings.STORE_TIME_ZONE = "UTC"
    assert [each.orders for each in figures_by_day(Period(date(2025, 3, 29), date(2025, 3, 31))).values()] == [2, 2, 0]


def test_cancelled_and_refunded_orders_are_apart() -> None:
    for status in Order.Status.values:
        placed("2025-03-26T12:00:00Z", status)

    total = total_of(figures_by_day(SPRING).values())

    assert (total.orders, total.revenue, total.average) == (4, Decimal("39.96"), Decimal("9.99"))
    assert (total.cancelled_orders, total.cancelled) == (total.refunded_orders, total.refunded) == (1, Decimal("9.99"))


def test_new_order_writes_no_mark_and_an_order_of_today_is_counted() -> None:
    make_order()
    today = shop_now().date()

    assert ChangedSale.objects.count() == 0
    assert figures_by_day(Period(today, today))[today].orders == 1


def test_summary_waits_until_the_day_is_over_and_a_day_more() -> None:
    today = shop_now().replace(hour=12)
    for age in range(4):
        placed(today - timedelta(days=age))

    call_command("summarisesales")

    days = SalesDay.objects.order_by("day").values_list("day", flat=True)
    assert list(days) == [(today - timedelta(days=age)).date() for age in (3, 2)]
    assert ProductSales.objects.count() == 2


@pytest.mark.parametrize("has_order", [False, True])
def test_shop_without_a_past_day_has_nothing_to_summarise(has_order: bool) -> None:
    if has_order:
        placed(shop_now())

    assert summarise_sales() == 0
    assert not SalesDay.objects.exists()


def test_truncated_orders_leave_no_figures() -> None:
    placed("2025-03-26T12:00:00Z")
    summarise_sales()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("TRUNCATE orders_order CASCADE")
        else:
            cursor.execute("DELETE FROM orders_orderevent")
            cursor.execute("DELETE FROM orders_orderitem")
            cursor.execute("DELETE FROM orders_order")

    assert total_of(figures_by_day(SPRING).values()) == SalesFigures()
    assert best_sellers(SPRING, 5) == []


@pytest.mark.parametrize(
    ("name", "period", "before"),
    [
        ("month", ("2025-03-01", "2025-03-30"), ("2025-02-01", "2025-02-28")),
        ("last_month", ("2025-02-01", "2025-02-28"), ("2025-01-01", "2025-01-31")),
        ("week", ("2025-03-24", "2025-03-30"), ("2025-03-17", "2025-03-23")),
        ("today", ("2025-03-30", "2025-03-30"), ("2025-03-29", "2025-03-29")),
        ("year", ("2025-01-01", "2025-03-30"), ("2024-10-04", "2024-12-31")),
    ],
)
def test_period_is_compared_with_the_one_before(name: str, period: tuple[str, str], before: tuple[str, str]) -> None:
    found = PERIODS[name][1](date(2025, 3, 30))

    assert (found.first.isoformat(), found.last.isoformat()) == period
    assert (found.before().first.isoformat(), found.before().last.isoformat()) == before


def test_curve_has_a_point_for_each_day_and_zero_at_the_bottom() -> None:
    curve = curve_of([Decimal(0), Decimal(10)], [Decimal(5)])

    assert (curve.points, curve.before) == ("4.0,196.0 716.0,4.0", "4.0,100.0")
    assert curve_of([], []).points == ""


# -- The page -------------------------------------------------------------------------------------------------------
def test_page_shows_figures_comparison_and_best_sellers(client: Client) -> None:
    client.force_login(make_staff())
    mug, gone = make_product(name="Mug", price="2.50"), make_product(name="Gone", price="1.00")
    placed("2025-03-26T12:00:00Z", lines={mug: 3, gone: 1})
    placed("2025-03-26T12:00:00Z", "refunded", {mug: 1})
    placed("2025-03-20T12:00:00Z", lines={mug: 2})
    gone.delete()

    page = " ".join(client.get(PAGE, {"first": "2025-03-25", "last": "2025-04-03"}).content.decode().split())

    for text in ("8.50 USD", "+70.0 %, before 5.00 USD", "1 refunded, 2.50 USD", "Gone (no longer sold)"):
        assert text in page
    assert "25 Mar 2025 to 3 Apr 2025, compared with 15 Mar 2025 to 24 Mar 2025" in page


@pytest.mark.parametrize(
    "query",
    [
        *({}, {"period": "nonsense"}, {"first": "x", "last": ""}, {"first": "2025-02-01", "last": "2025-01-01"}),
        *({"first": day, "last": day} for day in ("0001-01-01", "1900-01-01", "2999-12-31", "9999-12-31")),
    ],
)
def test_page_opens_whatever_the_query(client: Client, query: dict[str, str]) -> None:
    client.force_login(make_staff())

    assert client.get(PAGE, query).status_code == 200


def test_number_of_queries_does_not_grow_with_the_orders(client: Client) -> None:
    client.force_login(make_staff())

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(PAGE, {"first": "2025-03-25", "last": "2025-04-03"}).status_code == 200
        return len(found)

    placed("2025-03-26T12:00:00Z")
    queries()  # the first one of a process also asks for the content type
    few = queries()
    for day in range(25, 30):
        placed(f"2025-03-{day}T12:00:00Z")
    assert queries() == few <= 14


def test_customer_is_sent_to_the_sign_in(client: Client) -> None:
    client.force_login(make_user())

    assert client.get(PAGE).url == f"/admin/login/?next={PAGE}"
