"""importretail on real trade, against totals that other code recomputes from the file.

A few weeks of the file are imported, which have every kind of row and both changes of London's clocks. With
RETAIL_WHOLE_YEAR=1 it is the whole file, which takes two minutes.
"""

import csv
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import Count, Sum

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderItem, ReturnedUnits
from tests.samples.recount_retail import Recount, recount
from tests.samples.retail import TABLES, figures, forms, write_file
from tests.support.live import ROOT, fresh_database, using

FILE = Path(os.environ.get("RETAIL_FILE") or ROOT.parent / "shared/data/online_retail/online_retail_2009_2010.csv.gz")
# The first days have cancellations and refunds, the next ones and the last change the clocks, April 29 corrects a debt.
DAYS = [
    ("2009-12-09", "2009-12-16"),
    ("2010-03-25", "2010-03-31"),
    ("2010-04-29", "2010-04-30"),
    ("2010-10-29", "2010-11-03"),
]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not FILE.exists(), reason=f"needs {FILE}; RETAIL_FILE names another"),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of DAYS, as they are in FILE."""
    if os.environ.get("RETAIL_WHOLE_YEAR"):
        return FILE
    path = tmp_path_factory.mktemp("weeks") / "weeks.csv.gz"
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as year:
        header, *rows = csv.reader(year)
    day = header.index("InvoiceDate")
    kept = [row for row in rows if any(first <= row[day] < end for first, end in DAYS)]
    return write_file(path, kept, header)


@pytest.fixture(scope="module")
def trade(
    file: Path, tmp_path_factory: pytest.TempPathFactory, migrated_template: str, django_db_blocker: Any
) -> Iterator[Any]:
    """A shop with the trade in it, and what the command printed; the ORM works in that shop."""
    folder = tmp_path_factory.mktemp("trade")
    with fresh_database(folder, migrated_template) as url, django_db_blocker.unblock(), using(url):
        yield SimpleNamespace(url=url, folder=folder, printed=run(file, url, folder))


@pytest.fixture(scope="module")
def recounted(file: Path) -> Recount:
    return recount(file)


def run(file: Path, url: str, folder: Path, *options: str) -> str:
    command = [
        sys.executable,
        "manage.py",
        "importretail",
        str(file),
        "--refused",
        str(folder / "refused.csv"),
        *options,
    ]
    answer = subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def test_it_keeps_within_its_memory_and_its_transactions_are_short(trade) -> None:
    printed = figures(trade.printed)

    assert printed["Peak memory, MB"] < 300
    # Under 1 s on a machine of its own; here the other tests of the suite take their share.
    assert printed["the longest, milliseconds"] < 5_000


def test_every_row_is_accounted_for(trade, recounted: Recount) -> None:
    printed = figures(trade.printed)

    assert printed["Rows read"] == recounted.rows
    assert printed["sale lines"] == OrderItem.objects.count()
    assert printed["cancellation lines"] == recounted.cancellations
    assert printed["refused"] == recounted.refused.total()
    assert printed["Rows read"] == printed["sale lines"] + printed["cancellation lines"] + printed["refused"]


def test_the_file_needs_no_option(trade) -> None:
    assert forms(trade.printed) == {
        "Encoding": "utf-8",
        "Separator": "comma",
        "Dates": "iso",
        "Decimal mark": "point",
    }


def test_refused_rows_are_those_that_are_no_trade(trade, recounted: Recount) -> None:
    printed = figures(trade.printed)
    codes = ("postage or carriage", "fee, discount or adjustment", "gift voucher", "test code", "not a product's code")

    assert sum(printed[reason] for reason in codes) == recounted.refused["code"]
    assert printed["neither an invoice nor a cancellation"] == recounted.refused["number"]
    assert printed["no description"] == recounted.refused["description"]
    assert printed["negative quantity without a cancellation"] == recounted.refused["quantity"]
    assert printed["price is not above zero"] == recounted.refused["price"]


def test_every_order_has_its_customer_its_moment_and_its_lines(trade, recounted: Recount) -> None:
    missing = dict(recounted.orders)
    lines: dict[str, list] = {}
    fields = ("order__number", "sku", "name", "quantity", "unit_price")
    for number, *line in OrderItem.objects.order_by("order_id", "id").values_list(*fields).iterator():
        lines.setdefault(number, []).append(tuple(line))
    for order in Order.objects.select_related("user").annotate(units=Sum("items__quantity")).iterator():
        customer, moment, total, units, expected = missing.pop(order.number)
        assert (order.user.email if order.user else "") == (f"customer-{customer}@example.invalid" if customer else "")
        assert (order.created_at.replace(tzinfo=None), order.total, order.units) == (moment, total, units)
        assert lines[order.number] == expected
    assert missing == {}
    assert User.objects.count() == len(recounted.customers)


def test_every_product_has_the_stock_that_the_file_gives_it(trade, recounted: Recount) -> None:
    sold = dict(OrderItem.objects.values_list("product").annotate(Sum("quantity")).order_by())
    returned = dict(ReturnedUnits.objects.values_list("item__product").annotate(Sum("units")).order_by())

    for product in Product.objects.all():
        code = product.sku
        assert (product.name, product.price) == (recounted.names[code], recounted.prices[code])
        assert (sold[product.pk], returned.get(product.pk, 0)) == (recounted.sold[code], recounted.returned[code])
        assert product.stock + sold[product.pk] - returned.get(product.pk, 0) == recounted.supplied(code)
    assert Product.objects.count() == len(recounted.sold)


def test_nine_in_ten_cancellations_with_an_earlier_sale_are_matched(trade, recounted: Recount) -> None:
    printed = figures(trade.printed)

    assert (printed["with an earlier sale"], printed["matched to it"]) == (recounted.with_sale, recounted.matched)
    assert printed["matched to it"] / printed["with an earlier sale"] >= 0.9


def test_orders_end_in_the_status_that_their_returns_give_them(trade) -> None:
    back = dict(ReturnedUnits.objects.values_list("item__order").annotate(Sum("units")).order_by())
    statuses = dict(Order.objects.values_list("status").annotate(Count("pk")).order_by())

    for order in Order.objects.annotate(units=Sum("items__quantity")).iterator():
        assert (order.status == "delivered") == (back.get(order.pk, 0) < order.units)
    assert set(statuses) == {"delivered", "cancelled", "refunded"}


def test_a_second_run_of_the_first_rows_changes_nothing(file: Path, trade) -> None:
    before = [hash(tuple(model.objects.order_by("pk").values_list())) for model in TABLES]

    printed = figures(run(file, trade.url, trade.folder, "--limit", "10000"))

    assert [hash(tuple(model.objects.order_by("pk").values_list())) for model in TABLES] == before
    assert (printed["orders added"], printed["Transactions"]) == (0, 0)
