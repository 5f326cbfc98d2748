"""importretail: what a file becomes, and what of it is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderItem, RetailSupply, ReturnedUnits
from samples.retail.refusals import Reason
from tests.samples.retail import (
    HEADERS,
    SIBLING_HEADERS,
    everything,
    figures,
    import_file,
    refused_rows,
    row,
    write_file,
)
from tests.support.factories import make_order, make_product, make_user

pytestmark = pytest.mark.django_db

Load = Callable[..., Path]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write rows to a file, import it and return it."""

    def write_and_import(*rows: list[str], **options) -> Path:
        path = write_file(tmp_path / "retail.csv", rows)
        import_file(path, **options)
        return path

    return write_and_import


# -- Files ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["retail.csv", "retail.csv.gz"])
@pytest.mark.parametrize(
    ("headers", "at"), [(HEADERS, "2010-12-01 08:26:00"), (SIBLING_HEADERS, "12/1/10 8:26")], ids=["2009", "2010"]
)
def test_both_spellings_packed_or_not_make_the_same_shop(
    tmp_path: Path, name: str, headers: list[str], at: str
) -> None:
    path = write_file(tmp_path / name, [row(536365, at=at, units=6, price="2.55", customer="17850")], headers)

    import_file(path)

    order = Order.objects.get()
    assert (order.number, order.status, order.total, order.version) == ("536365", "delivered", Decimal("15.30"), 1)
    assert order.created_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert order.user.email == "customer-17850@example.invalid"
    fields = ("product__sku", "sku", "name", "unit_price", "quantity", "line_total")
    line = ("85048", "85048", "GLASS BALL", Decimal("2.55"), 6, Decimal("15.30"))
    assert list(order.items.values_list(*fields)) == [line]
    assert list(order.events.values_list("status", "note", "at", "actor")) == [
        ("delivered", "Imported: invoice 536365", order.created_at, None)
    ]


def test_a_description_over_two_lines_is_one_row_and_counts_lines(load: Load) -> None:
    path = load(row(name="GLASS\nBALL"), row(489435, code="POST"))

    assert OrderItem.objects.get().name == "GLASS\nBALL"
    assert refused_rows(path) == [(4, "postage or carriage")]


def test_limit_reads_the_first_rows_refused_ones_included(load: Load) -> None:
    load(row(489434), row(489435, code="POST"), row(489436), row(489437), limit=3)

    assert set(Order.objects.values_list("number", flat=True)) == {"489434", "489436"}


def test_the_summary_counts_what_was_read_and_written(tmp_path: Path) -> None:
    rows = [row(489434, units=3), row(489435, code="POST"), row("C489436", units=-1)]
    printed = import_file(write_file(tmp_path / "retail.csv", rows))

    counted = figures(printed)
    assert counted["Rows read"] == 3
    assert (counted["postage or carriage"], counted["matched in full"]) == (1, 1)
    assert (counted["orders added"], counted["order lines added"]) == (1, 1)


# -- Products ---------------------------------------------------------------------------------------------------
def test_codes_that_differ_in_case_are_one_product(load: Load) -> None:
    load(row(code="85123a"), row(code="85123A "), row(code="85123A"))

    product = Product.objects.get()
    assert product.sku == "85123A"
    assert product.order_items.count() == 3


def test_a_product_has_its_most_frequent_name_and_its_last_price(load: Load) -> None:
    load(
        row(name="BALL", price="3.00", at="2010-01-01 10:00:00"),
        row(name="GLASS BALL", price="9.00", at="2010-03-01 10:00:00"),
        row(name=" GLASS BALL ", price="1.00", at="2010-02-01 10:00:00"),
    )

    product = Product.objects.get()
    assert (product.name, product.price, product.version) == ("GLASS BALL", Decimal("9.00"), 1)
    assert product.created_at == datetime(2010, 1, 1, 10, tzinfo=UTC)
    assert product.updated_at == datetime(2010, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(("sold", "left"), [(1, 1), (10, 1), (11, 2), (200, 20)])
def test_a_tenth_more_was_supplied_than_was_sold(load: Load, sold: int, left: int) -> None:
    load(row(units=sold))

    assert Product.objects.get().stock == left
    assert list(RetailSupply.objects.values_list("supplied", "sold", "returned")) == [(sold + left, sold, 0)]


def test_the_stock_of_what_sold_by_the_billion_stays_within_32_bits(load: Load) -> None:
    most = 2**31 - 1
    load(*[row(units=most, price="0.01") for _ in range(20)], row("C489435", units=-most))

    product, supply = Product.objects.get(), RetailSupply.objects.get()
    assert product.stock == most
    assert product.stock + supply.sold - supply.returned == supply.supplied


# -- Customers and orders ---------------------------------------------------------------------------------------
def test_a_customer_is_a_user_who_cannot_sign_in(load: Load) -> None:
    load(row(489434, at="2010-03-01 10:00:00"), row(489435, at="2010-02-01 10:00:00"))

    user = User.objects.get()
    assert (user.username, user.email) == ("customer-13085", "customer-13085@example.invalid")
    assert not user.has_usable_password()
    assert user.created_at == datetime(2010, 2, 1, 10, tzinfo=UTC)
    assert user.orders.count() == 2


def test_an_invoice_without_a_customer_is_a_guests_order(load: Load) -> None:
    load(row(customer=""))

    assert Order.objects.get().user is None
    assert User.objects.count() == 0


def test_duplicate_rows_are_kept_in_the_order_of_the_file(load: Load) -> None:
    load(row(units=2), row(code="22041", units=3), row(units=2))

    assert list(OrderItem.objects.values_list("sku", "quantity")) == [("85048", 2), ("22041", 3), ("85048", 2)]
    assert Order.objects.get().total == Decimal("17.50")


def test_lines_of_an_invoice_may_lie_apart_and_differ_in_time(load: Load) -> None:
    load(row(1, at="2010-01-04 10:01:00"), row(2), row(1, at="2010-01-04 10:00:00", customer=""), row(2), lines=1)

    order = Order.objects.get(number="1")
    assert order.created_at == datetime(2010, 1, 4, 10, tzinfo=UTC)
    assert (order.items.count(), order.user.username) == (2, "customer-13085")


def test_an_invoice_takes_the_customer_that_a_later_line_names(load: Load) -> None:
    load(row(customer=""), row(customer="13085.0"))

    assert Order.objects.get().user.username == "customer-13085"


# -- What is refused --------------------------------------------------------------------------------------------
REFUSED = [
    (row()[:-1], Reason.COLUMNS),
    (row("A506401"), Reason.NO_INVOICE),
    (row(""), Reason.NO_INVOICE),
    (row(code="POST"), Reason.POSTAGE),
    (row(code="DOT"), Reason.POSTAGE),
    (row(code="C2"), Reason.POSTAGE),
    (row(code="m"), Reason.ADJUSTMENT),
    (row(code="BANK CHARGES"), Reason.ADJUSTMENT),
    (row(code="ADJUST2"), Reason.ADJUSTMENT),
    (row(code="gift_0001_30"), Reason.VOUCHER),
    (row(code="TEST001"), Reason.TEST),
    (row(code="DCGS0058"), Reason.NO_PRODUCT),
    (row(code=""), Reason.NO_PRODUCT),
    (row(code="PADS", price="0.001"), Reason.NO_PRODUCT),
    (row(name=""), Reason.NO_DESCRIPTION),
    (row(name="  "), Reason.NO_DESCRIPTION),
    (row(name="x" * 201), Reason.LONG_DESCRIPTION),
    (row(name="A\0B"), Reason.UNSTORABLE),
    (row(units="six"), Reason.QUANTITY),
    (row(units="1.5"), Reason.QUANTITY),
    (row(units=0), Reason.NO_UNITS),
    (row(units=-2), Reason.NEGATIVE),
    (row("C489436", units=2), Reason.CANCELS_NOTHING),
    (row(units=2**31), Reason.RANGE),
    (row(price="free"), Reason.PRICE),
    (row(price="NaN"), Reason.PRICE),
    (row(price="0.0"), Reason.NO_PRICE),
    (row(price="-3.00"), Reason.NO_PRICE),
    (row(price="0.001"), Reason.FRACTION),
    (row(price="10000000000.00"), Reason.RANGE),
    (row(units=2**31 - 1, price="9999999999.99"), Reason.RANGE),
    (row(at="yesterday"), Reason.DATE),
    (row(at="2010-02-30 10:00:00"), Reason.DATE),
    (row(at="13/13/10 8:26"), Reason.DATE),
    (row(at="2010/01/04 10:00"), Reason.DATE),
    (row(at="2010-01-04 24:00:00"), Reason.DATE),
    (row(customer="Smith"), Reason.CUSTOMER),
]


@pytest.mark.parametrize(("bad", "reason"), REFUSED)
def test_a_row_that_is_no_trade_is_refused_and_the_rest_imported(load: Load, bad: list[str], reason: Reason) -> None:
    path = load(row(489430), bad, row(489431))

    assert refused_rows(path) == [(3, reason)]
    assert set(Order.objects.values_list("number", flat=True)) == {"489430", "489431"}
    assert OrderItem.objects.count() == 2


def test_a_refused_row_is_written_out_as_it_was(load: Load, tmp_path: Path) -> None:
    load(row(code="POST", name='"QUOTED", POSTAGE'))

    text = (tmp_path / "retail.csv.refused.csv").read_text()
    assert text.splitlines() == [
        f"line,reason,{','.join(HEADERS)}",
        '2,postage or carriage,489434,POST,"""QUOTED"", POSTAGE",1,2010-01-04 10:00:00,2.50,13085,France',
    ]


def test_a_row_that_names_another_customer_of_its_invoice_is_refused(load: Load) -> None:
    path = load(row(customer="13085"), row(customer="99999"), row(customer="13085"))

    assert refused_rows(path) == [(3, Reason.TWO_CUSTOMERS)]
    assert Order.objects.get().items.count() == 2


def test_a_total_beyond_what_an_order_can_have_is_refused(load: Load) -> None:
    path = load(*[row(units=2**31 - 1, price="4656.00") for _ in range(2)])

    assert refused_rows(path) == [(3, Reason.RANGE)]
    assert Order.objects.get().total == Decimal("9998683860432.00")


# -- A shop that has other things -------------------------------------------------------------------------------
def test_a_product_that_no_import_made_stays_as_it_is(load: Load) -> None:
    product = make_product(sku="85048a", name="Mine", price=Decimal("1.00"), stock=7)
    before = Product.objects.values().get()

    load(row(code="85048A", units=100), row("C489435", code="85048A", units=-5, at="2010-01-05 10:00:00"))

    assert Product.objects.values().get() == before
    assert OrderItem.objects.get().product == product
    assert RetailSupply.objects.count() == 0
    assert ReturnedUnits.objects.get().units == 5


def test_a_user_who_can_sign_in_does_not_get_a_customers_orders(load: Load) -> None:
    stranger = make_user(username="x", email="Customer-13085@example.invalid", password="a-password-of-mine")
    other = make_user(username="customer-13086", email="other@example.com", password="a-password-of-mine")

    load(row(1, customer="13085"), row(2, customer="13086"))

    assert not stranger.orders.exists()
    assert not other.orders.exists()
    users = User.objects.filter(orders__isnull=False).order_by("username")
    assert [user.email for user in users] == ["customer-13085-2@example.invalid", "customer-13086-2@example.invalid"]


def test_a_customer_who_has_set_a_password_since_stays_the_customer(load: Load) -> None:
    load(row(1))
    user = User.objects.get()
    user.set_password("a-password-of-mine")
    user.save()

    load(row(1), row(2))

    assert User.objects.count() == 1
    assert user.orders.count() == 2


def test_an_order_that_no_import_brought_keeps_its_number(load: Load) -> None:
    order = make_order()
    Order.objects.filter(pk=order.pk).update(number="489434")
    before = Order.objects.values().get()

    path = load(row(489434), row(489434), row(489435))

    assert refused_rows(path) == [(2, Reason.TAKEN), (3, Reason.TAKEN)]
    assert Order.objects.values().get(pk=order.pk) == before
    assert order.items.count() == 1
    assert Product.objects.get(sku="85048").stock == 1


def test_a_second_run_changes_nothing(load: Load) -> None:
    rows = [row(n, units=4, at=f"2010-01-0{n} 10:00:00") for n in range(1, 6)]
    rows += [row("C7", units=-4, at="2010-01-08 10:00:00"), row("C8", units=-1, at="2010-01-08 10:00:00")]
    path = load(*rows)
    before = everything()

    import_file(path)

    assert everything() == before
    assert [len(table) for table in before] == [1, 1, 5, 5, 7, 2, 5, 1]
