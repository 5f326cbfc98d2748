"""importretail: what dates, prices and numbers mean."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from samples.retail import values
from samples.retail.amounts import Amounts
from samples.retail.dates import Dates
from samples.retail.refusals import Reason, RefusedRow


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2010-01-04 10:00:00", datetime(2010, 1, 4, 10)),
        ("2010-07-04 10:00:00", datetime(2010, 7, 4, 9)),  # London is an hour ahead in summer
        ("2010-07-04T10:00", datetime(2010, 7, 4, 9)),
        ("12/1/10 8:26", datetime(2010, 12, 1, 8, 26)),
        ("7/4/2011 18:05:09", datetime(2011, 7, 4, 17, 5, 9)),
        ("2010-10-31 01:30:00", datetime(2010, 10, 31, 0, 30)),  # comes twice: the first
        ("2010-03-28 01:30:00", datetime(2010, 3, 28, 1, 30)),  # never comes: by the clock that stood before
    ],
)
def test_a_time_is_londons(text: str, utc: datetime) -> None:
    assert Dates().moment(text) == utc.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "2010-1-4 10:00:00", "4.1/2010 10:00", "31/1/10 8:26", "2010-01-04", "12/1/010 8:26", "2/30/10 8:26"]
)
def test_a_date_in_another_spelling_is_none(text: str) -> None:
    with pytest.raises(RefusedRow) as refusal:
        Dates().moment(text)

    assert refusal.value.reason == Reason.DATE


@pytest.mark.parametrize(("text", "price"), [("2.1", "2.10"), (" 18 ", "18.00"), ("0.01", "0.01"), ("5.5000", "5.50")])
def test_a_price_is_exact(text: str, price: str) -> None:
    assert str(Amounts().price(text)) == price
    assert isinstance(Amounts().price(text), Decimal)


@pytest.mark.parametrize(("text", "number"), [("c489449", "C489449"), (" 489434 ", "489434")])
def test_an_invoice_number_is_written_in_one_way(text: str, number: str) -> None:
    assert values.invoice_number(text) == (number, number.startswith("C"))


@pytest.mark.parametrize(("text", "units"), [("12", 12), (" 12.0 ", 12), ("+3.00", 3)])
def test_a_quantity_may_have_a_zero_after_the_mark(text: str, units: int) -> None:
    assert Amounts().units(text, False) == units


@pytest.mark.parametrize("text", ["1.000", "1,000", "12,0", "1.5"])
def test_a_quantity_that_may_be_thousands_is_none(text: str) -> None:
    with pytest.raises(RefusedRow) as refusal:
        Amounts().units(text, False)

    assert refusal.value.reason == Reason.QUANTITY


@pytest.mark.parametrize("text", ["13085", "13085.0", "13085,0", " 13085", "013085"])
def test_a_customer_is_one_however_a_spreadsheet_wrote_the_number(text: str) -> None:
    assert values.customer(text) == "13085"
