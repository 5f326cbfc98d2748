"""importretail: which sale a cancellation reverses, and what becomes of the order."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.models import Product
from orders.models import Order, RetailSupply, ReturnedUnits
from samples.retail.refusals import Reason
from tests.samples.retail import import_file, refused_rows, row, write_file

pytestmark = pytest.mark.django_db

MONDAY, TUESDAY, FRIDAY = (f"2010-01-0{day} 10:00:00" for day in (4, 5, 8))


@pytest.fixture
def load(tmp_path: Path):
    def write_and_import(*rows: list[str]) -> Path:
        path = write_file(tmp_path / "retail.csv", rows)
        import_file(path)
        return path

    return write_and_import


def returns() -> list[tuple[str, int, str, int]]:
    """Return for every return the order's number, the units of the line, the cancellation, the units that came back."""
    fields = ("item__order__number", "item__quantity", "reference", "units")
    return list(ReturnedUnits.objects.order_by("item_id", "reference").values_list(*fields))


def timeline(order: Order) -> list[tuple[str, str]]:
    return list(order.events.order_by("at", "id").values_list("status", "note"))


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [(MONDAY, "paid", "cancelled"), (TUESDAY, "delivered", "refunded")],
    ids=["same day", "later"],
)
def test_an_order_that_came_back_whole_is_cancelled_that_day_and_refunded_later(load, at, first, last) -> None:
    load(row(1, units=10, at=MONDAY), row("C2", units=-10, at=at))

    order = Order.objects.get()
    assert (order.status, order.total, order.version) == (last, Decimal("25.00"), 1)
    assert timeline(order) == [(first, "Imported: invoice 1"), (last, "Cancellation C2: 10 back in stock")]
    assert ReturnedUnits.objects.get().at == datetime.fromisoformat(at).replace(tzinfo=UTC)


def test_an_order_that_came_back_in_part_stays_delivered_at_its_total(load) -> None:
    load(row(1, units=10, at=MONDAY), row("C2", units=-4, at=TUESDAY))

    order = Order.objects.get()
    assert (order.status, order.total) == ("delivered", Decimal("25.00"))
    assert returns() == [("1", 10, "C2", 4)]
    assert timeline(order)[-1] == ("delivered", "Cancellation C2: 4 back in stock")


def test_an_order_is_refunded_with_the_last_of_its_cancellations(load) -> None:
    load(
        row(1, units=10, at=MONDAY),
        row(1, units=5, code="22041", at=MONDAY),
        row("C2", units=-10, at=TUESDAY),
        row("C3", units=-5, code="22041", at=FRIDAY),
    )

    order = Order.objects.get()
    assert order.status == "refunded"
    assert [status for status, _ in timeline(order)] == ["delivered", "delivered", "refunded"]


def test_returned_units_are_in_stock_again(load) -> None:
    load(row(1, units=100, at=MONDAY), row("C2", units=-30, at=TUESDAY))

    assert Product.objects.get().stock == 10 + 30
    assert list(RetailSupply.objects.values_list("supplied", "sold", "returned")) == [(110, 100, 30)]


def test_a_sale_of_exactly_as_many_at_that_price_goes_before_later_ones(load) -> None:
    load(
        row(1, units=6, at=MONDAY, price="2.50"),
        row(2, units=6, at=MONDAY, price="3.00"),
        row(3, units=9, at=TUESDAY, price="2.50"),
        row("C4", units=-6, at=FRIDAY, price="2.50"),
    )

    assert returns() == [("1", 6, "C4", 6)]


def test_else_the_latest_sales_go_first_as_many_as_it_takes(load) -> None:
    load(
        row(1, units=6, at=MONDAY),
        row(2, units=3, at=TUESDAY),
        row("C3", units=-5, at=FRIDAY),
    )

    assert returns() == [("1", 6, "C3", 2), ("2", 3, "C3", 3)]
    assert Order.objects.get(number="2").status == "refunded"


def test_lines_of_one_cancellation_that_take_from_one_line_are_one_return(load) -> None:
    load(row(1, units=10, at=MONDAY), row("C2", units=-3, at=FRIDAY), row("C2", units=-4, at=FRIDAY))

    assert returns() == [("1", 10, "C2", 7)]


def test_no_unit_comes_back_twice(load) -> None:
    path = load(
        row(1, units=6, at=MONDAY),
        row("C2", units=-4, at=TUESDAY),
        row("C3", units=-4, at=TUESDAY),
        row("C4", units=-4, at=FRIDAY),
    )

    assert returns() == [("1", 6, "C2", 4), ("1", 6, "C3", 2)]
    assert refused_rows(path) == [(4, Reason.CANCELS_TOO_MUCH), (5, Reason.CANCELS_AGAIN)]
    assert RetailSupply.objects.get().returned == 6


@pytest.mark.parametrize(
    ("cancellation", "reason"),
    [
        (row("C2", units=-1, at=FRIDAY, customer=""), Reason.CANCELS_FOR_GUEST),
        (row("C2", units=-1, at=FRIDAY, customer="13086"), Reason.CANCELS_NO_SALE),
        (row("C2", units=-1, at=FRIDAY, code="22041"), Reason.CANCELS_NO_SALE),
        (row("C2", units=-1, at="2010-01-03 10:00:00"), Reason.CANCELS_NO_SALE),
    ],
    ids=["a guest", "another customer", "another code", "before the sale"],
)
def test_a_cancellation_without_its_sale_is_refused_and_moves_no_stock(load, cancellation, reason) -> None:
    path = load(row(1, units=10, at=MONDAY), row(3, units=10, at=MONDAY, customer=""), cancellation)

    assert refused_rows(path) == [(4, reason)]
    assert returns() == []
    assert set(Order.objects.values_list("status", flat=True)) == {"delivered"}
    assert Product.objects.get().stock == 2


def test_an_unsorted_file_is_matched_by_time(load) -> None:
    load(row("C3", units=-2, at=FRIDAY), row(2, units=5, at=TUESDAY), row(1, units=5, at=MONDAY))

    assert returns() == [("2", 5, "C3", 2)]


def test_a_cancellation_that_matches_codes_in_another_case_is_matched(load) -> None:
    load(row(1, code="85123A", units=5, at=MONDAY), row("C2", code="85123a", units=-5, at=FRIDAY))

    assert returns() == [("1", 5, "C2", 5)]
