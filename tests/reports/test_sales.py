"""The figures about sales equal the sums of the rows: with summaries, without, and after every kind of change."""

import random
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from core.moments import shop_now
from orders.models import Order
from reports import best_of_year
from reports.admin.curve import curve_of
from reports.best_sellers import best_sellers
from reports.models import BestOfYear, ChangedSale, ProductSales, SalesDay
from reports.periods import PERIODS, Period
from reports.sales import SalesFigures, figures_by_day, total_of
from reports.summaries import summarise_sales
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db

PAGE = "/admin/reports/salesday/"
PARIS = ZoneInfo("Europe/Paris")
SPRING = Period(date(2025, 3, 25), date(2025, 4, 3))  # clocks go forward on 30 March
WITH_MONTHS = Period(date(2025, 2, 20), date(2025, 5, 3))  # April is read as a month


@pytest.fixture(autouse=True)
def paris(settings: Any) -> None:
    settings.STORE_TIME_ZONE = "Europe/Paris"


def placed(moment: str | datetime, status: str = "paid", lines: dict[Product, int] | None = None) -> Order:
    order = make_order(BUYER[0], lines)
    Order.objects.filter(pk=order.pk).update(created_at=moment, status=status)
    return order


BUYER: list[Any] = [None]


@pytest.fixture(autouse=True)
def buyer() -> None:
    BUYER[0] = make_user()


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


@pytest.mark.long
@pytest.mark.parametrize("listed", [3, 1_000])
def test_best_sellers_of_a_year_equal_the_rows_with_a_list(listed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_of_year, "LISTED", listed)
    rng, year, uses = random.Random(11), Period(date(2025, 1, 1), date(2025, 12, 31)), 0
    products = [make_product(price=f"{n}.10", stock=1_000) for n in range(1, 10)]
    for _ in range(60):
        lines = {product: rng.randint(1, 3) for product in rng.sample(products, 2)}
        moment = datetime(2025, 2, 3, 12, tzinfo=UTC) + timedelta(minutes=rng.randrange(80 * 24 * 60))
        placed(moment, rng.choice(Order.Status.values), lines)

    for step in range(40):
        if step % 5 == 0:
            summarise_sales()
        with CaptureQueriesContext(connection) as queries:
            found = [tuple(each) for each in best_sellers(year, 2)]
        assert found == counted(year)[1][:2], step
        uses += "reports_bestofyear" in queries[-1]["sql"]
        change(rng)
    assert 8 <= uses <= 40  # else the months were added up


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
