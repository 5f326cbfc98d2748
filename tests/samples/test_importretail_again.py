"""importretail: a second file, a longer one, and runs that were cut off at any point."""

import gzip
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import transaction

from catalog.actions import change_product
from catalog.models import Product
from core.validation.validators import MAX_INT32
from orders.actions import place_order
from orders.models import Order, OrderEvent, OrderItem, RetailSupply, ReturnedUnits
from samples.retail.batches import Batches
from samples.retail.lock import import_lock
from samples.retail.refusals import Reason
from tests.samples.retail import everything, figures, history, import_file, refused_path, refused_rows, row, write_file
from tests.support.factories import make_staff, make_user
from tests.support.live import fresh_database, using
from tests.support.warm_start import WarmProcess, run_command

FIRST_YEAR = [
    row(1, units=10, at="2010-11-01 10:00:00"),
    row(1, units=5, code="22041", name="OLD NAME", at="2010-11-01 10:00:00"),
    row(2, units=8, at="2010-12-01 10:00:00"),
    row("C3", units=-3, at="2010-12-02 10:00:00"),
    row(4, units=20, customer="", at="2010-12-03 10:00:00"),
]
SECOND_YEAR = [
    *FIRST_YEAR[2:],  # the files overlap
    row(5, units=30, price="4.00", at="2011-01-01 10:00:00"),
    row(5, units=1, code="22042", at="2011-01-01 10:00:00"),
    row("C6", units=-5, code="22041", at="2011-01-02 10:00:00"),
    row("C7", units=-10, at="2011-01-03 10:00:00"),
    row(8, code="22041", name="NEW NAME", customer="17850", at="2011-01-04 10:00:00"),
]


@pytest.fixture
def first_year(tmp_path: Path) -> Path:
    return write_file(tmp_path / "first.csv", FIRST_YEAR)


@pytest.fixture
def second_year(tmp_path: Path) -> Path:
    return write_file(tmp_path / "second.csv", SECOND_YEAR)


def figures_hold() -> bool:
    """Whether the stock of every product that an import made is what was supplied, less sold, plus returned."""
    for supply in RetailSupply.objects.select_related("product"):
        lines = OrderItem.objects.filter(product=supply.product).values_list("quantity", flat=True)
        back = ReturnedUnits.objects.filter(item__product=supply.product).values_list("units", flat=True)
        if (sum(lines), sum(back)) != (supply.sold, supply.returned):
            return False
        if supply.product.stock + supply.sold - supply.returned != supply.supplied:
            return False
    return True


# -- A second file ----------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_file_that_overlaps_adds_what_is_new_and_reverses_earlier_sales(first_year: Path, second_year: Path) -> None:
    import_file(first_year)
    kept = list(Order.objects.filter(number__in=["2", "4"]).values())

    import_file(second_year)

    assert list(Order.objects.filter(number__in=["2", "4"]).values()) == kept
    assert Order.objects.count() == 5
    order = Order.objects.get(number="1")
    returned = order.items.order_by("id").values_list("sku", "returns__reference", "returns__units")
    assert list(returned) == [("85048", "C7", 10), ("22041", "C6", 5)]
    assert (order.status, order.version, order.total) == ("refunded", 2, Decimal("37.50"))
    notes = order.events.order_by("at", "id").values_list("status", "note")
    assert list(notes)[1:] == [
        ("delivered", "Cancellation C6: 5 back in stock"),
        ("refunded", "Cancellation C7: 10 back in stock"),
    ]
    assert figures_hold()


@pytest.mark.django_db
def test_after_a_second_file_both_change_nothing(first_year: Path, second_year: Path) -> None:
    import_file(first_year)
    import_file(second_year)
    before = everything()

    import_file(second_year)
    import_file(first_year)

    assert everything() == before


@pytest.mark.django_db
def test_a_second_file_adds_stock_and_leaves_what_staff_and_sales_changed(first_year: Path, second_year: Path) -> None:
    import_file(first_year)
    ball, other = Product.objects.get(sku="85048"), Product.objects.get(sku="22041")
    change_product(actor=make_staff(), product_id=ball.pk, changes={"price": Decimal("99.00")})
    place_order(actor=make_user(), lines=[(ball.pk, 2)])

    import_file(second_year)

    before, after = ball.stock, Product.objects.get(pk=ball.pk)
    assert (before, after.stock) == (4 + 3, 4 + 3 - 2 + 3 + 10)  # a tenth of 38, of 68; C3, the sale, C7
    assert (after.price, after.name) == (Decimal("99.00"), "GLASS BALL")
    assert (other.name, Product.objects.get(pk=other.pk).name) == ("OLD NAME", "NEW NAME")


@pytest.mark.django_db
@pytest.mark.parametrize("limit", range(1, len(SECOND_YEAR)))
def test_a_file_cut_short_and_then_the_whole_make_what_the_whole_makes(second_year: Path, limit: int) -> None:
    with rolled_back():
        import_file(second_year)
        whole = without_versions(history())

    import_file(second_year, limit=limit)
    import_file(second_year)

    assert without_versions(history()) == whole
    assert figures_hold()


@pytest.mark.django_db
def test_a_file_cut_short_after_the_whole_changes_nothing(second_year: Path) -> None:
    import_file(second_year)
    before = everything()

    import_file(second_year, limit=6)

    assert everything() == before


@pytest.mark.django_db
def test_a_product_that_staff_deleted_does_not_come_back(first_year: Path) -> None:
    import_file(first_year)
    Product.objects.get(sku="22041").delete()
    before = everything()

    import_file(first_year)

    assert everything() == before
    assert OrderItem.objects.get(sku="22041").product is None


@pytest.mark.django_db
def test_what_an_earlier_import_decided_of_a_cancellation_stands(tmp_path: Path) -> None:
    sales = [row(1, units=5, at="2010-01-01 10:00:00"), row(2, units=5, at="2010-01-02 10:00:00")]
    cancellation = row("C3", units=-5, at="2010-01-03 10:00:00")
    import_file(write_file(tmp_path / "a.csv", [sales[0], cancellation]))

    import_file(write_file(tmp_path / "b.csv", [*sales, cancellation]))

    assert [one.item.order.number for one in ReturnedUnits.objects.all()] == ["1"]
    assert figures_hold()


# -- Refused rows -----------------------------------------------------------------------------------------------
MENDED = [
    row(1, code="22001", units=3),
    row(1, code="22002", units=4),
    row(1, code="22001", units=3),
    row(1, code="22003", units=5),
    row("C2", code="22003", units=-2, at="2010-02-01 10:00:00"),
    row("C3", code="22002", units=-4, at="2010-02-02 10:00:00"),
]


def with_units(rows: list[list[str]], place: int, units: str) -> list[list[str]]:
    return [[*one[:3], units, *one[4:]] if at == place else one for at, one in enumerate(rows)]


@pytest.mark.django_db
@pytest.mark.parametrize("place", range(len(MENDED)))
def test_a_refused_row_that_was_mended_is_added_to_its_order(tmp_path: Path, place: int) -> None:
    path = tmp_path / "retail.csv"
    import_file(write_file(path, with_units(MENDED, place, "x")))

    import_file(write_file(path, MENDED))

    items = OrderItem.objects.values_list("sku", "quantity", "returns__reference", "returns__units")
    assert sorted(items, key=str) == [
        ("22001", 3, None, None),
        ("22001", 3, None, None),
        ("22002", 4, "C3", 4),
        ("22003", 5, "C2", 2),
    ]
    assert Order.objects.get().total == Decimal("37.50")
    assert figures_hold()
    assert refused_rows(path) == []
    before = everything()
    import_file(path)
    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize("place", range(len(MENDED)))
def test_a_file_in_which_a_row_broke_changes_nothing_after_the_whole(tmp_path: Path, place: int) -> None:
    import_file(write_file(tmp_path / "whole.csv", MENDED))
    before = everything()

    path = write_file(tmp_path / "broken.csv", with_units(MENDED, place, "x"))
    import_file(path)

    assert everything() == before
    assert refused_rows(path) == [(place + 2, Reason.QUANTITY)]


@pytest.mark.django_db
def test_a_line_that_differs_from_the_order_of_an_earlier_import_is_refused(tmp_path: Path) -> None:
    import_file(write_file(tmp_path / "whole.csv", MENDED))
    before = everything()

    path = write_file(tmp_path / "changed.csv", with_units(MENDED, 1, "40"))
    printed = figures(import_file(path))

    assert everything() == before
    assert refused_rows(path) == [(3, Reason.OTHER_LINES)]
    assert (printed["Rows read"], printed["sale lines"], printed["refused"]) == (6, 3, 1)


# -- Runs that were cut off -------------------------------------------------------------------------------------
class PowerCut(Exception):
    pass


@contextmanager
def power_cut_in_transaction(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the transaction with this number, counted from 0, fail as it commits."""
    real, begun = Batches.transaction, iter(range(1_000))

    @contextmanager
    def failing(batches: Batches) -> Iterator[None]:
        with real(batches):
            yield
            if next(begun) == number:
                raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "transaction", failing)
        yield


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def without_versions(shop: dict[str, Any]) -> dict[str, Any]:
    """Drop the versions: they tell in how many steps it went."""
    shop["products"] = [(*product[:4], product[5]) for product in shop["products"]]
    shop["orders"] = [(*order[:4], *order[5:]) for order in shop["orders"]]
    return shop


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.parametrize("with_first_year", [False, True], ids=["an empty shop", "a shop with the first year"])
def test_a_run_cut_off_at_any_transaction_is_finished_by_the_next(
    first_year: Path, second_year: Path, with_first_year: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_first_year:
        import_file(first_year)
    with rolled_back():
        import_file(second_year, lines=1)
        whole = history()

    for number in range(1_000):
        with rolled_back():
            try:
                with power_cut_in_transaction(number, monkeypatch):
                    import_file(second_year, lines=1)
            except PowerCut:
                import_file(second_year, lines=1)
                assert history() == whole
            else:
                break
    assert number == 6


def command(path: Path, *options: str) -> list[str]:
    return ["importretail", str(path), "--refused", str(refused_path(path)), *options]


def many_invoices(count: int) -> list[list[str]]:
    """Return invoices of a few lines, and a cancellation after every fifth; the same each time."""
    chance = random.Random(2010)
    rows: list[list[str]] = []
    for number in range(1, count + 1):
        fields: dict[str, Any] = {"customer": chance.choice(["", *range(13000, 13050)])}
        fields["at"] = f"2010-01-{1 + number * 27 // count:02} {number % 24:02}:00:00"
        lines = [{"code": str(chance.randint(20000, 20100)), "units": chance.randint(1, 50)} for _ in range(5)]
        rows += [row(number, **fields, **line) for line in lines]
        if number % 5 == 0:
            rows += [row(f"C{number}", **fields | line | {"units": -line["units"]}) for line in lines[:3]]
    return rows


@contextmanager
def empty_shop(folder: Path, template: str | None, blocker: Any) -> Iterator[str]:
    folder.mkdir()
    with fresh_database(folder, template) as url, blocker.unblock(), using(url):
        yield url


@pytest.mark.live
def test_a_run_that_is_killed_and_repeated_ends_as_one_that_is_not(
    tmp_path: Path, migrated_template: str, django_db_blocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path / "retail.csv.gz", many_invoices(800))
    with empty_shop(tmp_path / "whole", migrated_template, django_db_blocker):
        import_file(path)
        whole = history()
    orders = len(whole["orders"])

    with empty_shop(tmp_path / "killed", migrated_template, django_db_blocker) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        for share in (0.1, 0.5, 0.8):
            log = tmp_path / "log"
            process = WarmProcess(command(path, "--lines", "25"), os.environ, log, log)
            while Order.objects.count() < share * orders:
                assert process.poll() is None
                time.sleep(0.005)
            process.kill()
            process.wait()
            assert share * orders <= Order.objects.count() < orders
            assert not Order.objects.filter(items=None).exists()
            assert OrderEvent.objects.values("order").distinct().count() == Order.objects.count()
        assert run_command(*command(path)).returncode == 0
        assert history() == whole
        assert figures_hold()


@pytest.mark.live
def test_two_imports_at_once_are_refused(
    tmp_path: Path, first_year: Path, migrated_template: str, django_db_blocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_shop(tmp_path / "shop", migrated_template, django_db_blocker) as url, import_lock():
        monkeypatch.setenv("DATABASE_URL", url)
        answer = run_command(*command(first_year))

        assert (answer.returncode, answer.stderr) == (1, "CommandError: Another import is running in this database.\n")
        assert Order.objects.count() == 0


# -- Errors -----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b"\x1f\x8b\x08\x00" + b"\x07" * 200, "Error"),
        (bytes(range(256)) * 40, "its first line does not name Invoice or InvoiceNo"),
        (b"name,price\nTea,1\n", "its first line does not name Invoice or InvoiceNo"),
        (b"Invoice,StockCode,Description,Quantity,InvoiceDate,Customer ID\n", "does not name Price or UnitPrice"),
        (b"\xef\xbb\xbf", "it is empty"),
        (gzip.compress(b""), "it is empty"),
        ("Invoice,StockCode\n".encode("utf-16"), "its first line does not name Description"),
        ("Invoice,StockCode\n".encode("utf-16-le"), "choose --encoding utf-16-le or utf-16-be"),
        (b'Invoice,StockCode,"' + b"x" * 200_000, "its first line does not name Invoice or InvoiceNo"),
    ],
    ids=[
        "missing",
        "empty",
        "no gzip",
        "junk",
        "other headers",
        "a header missing",
        "a byte order mark alone",
        "packed emptiness",
        "UTF-16 with a header missing",
        "UTF-16 without a mark",
        "an open quote",
    ],
)
def test_a_file_that_is_none_gets_one_line_and_exit_code_1(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "retail.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError) as refusal:
        import_file(path)

    message = str(refusal.value)
    assert why in message
    assert ("Invoice or InvoiceNo" in message, "\n" in message, refusal.value.returncode) == (True, False, 1)
    assert Order.objects.count() == 0
    assert not refused_path(path).exists()


@pytest.mark.django_db
def test_of_a_file_that_breaks_off_nothing_is_written(tmp_path: Path) -> None:
    path = write_file(tmp_path / "retail.csv.gz", many_invoices(200))
    path.write_bytes(path.read_bytes()[:-2_000])

    with pytest.raises(CommandError, match="ended before the end-of-stream marker"):
        import_file(path)

    assert [len(table) for table in everything()] == [0] * len(everything())


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -1}, {"lines": 0}])
def test_a_count_below_one_is_refused(first_year: Path, options: dict[str, int]) -> None:
    with pytest.raises(CommandError, match="must be at least 1"):
        import_file(first_year, **options)

    assert Order.objects.count() == 0


def test_a_database_without_tables_gets_one_line(tmp_path: Path, first_year: Path, django_db_blocker) -> None:
    with empty_shop(tmp_path / "shop", None, django_db_blocker), pytest.raises(CommandError) as refusal:
        import_file(first_year)

    assert str(refusal.value).startswith("The database refused: ")
    assert "orders_retailinvoice" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.django_db
def test_refused_rows_that_cannot_be_written_stop_the_import(tmp_path: Path) -> None:
    path = write_file(tmp_path / "retail.csv", FIRST_YEAR)
    refused_path(path).mkdir()

    with pytest.raises(CommandError, match=r"Can't write .*refused.csv: Is a directory."):
        import_file(path)

    assert Order.objects.count() == 0


@pytest.mark.django_db
def test_the_file_itself_is_not_overwritten(tmp_path: Path) -> None:
    path = write_file(tmp_path / "retail.csv", FIRST_YEAR)
    refused_path(path).symlink_to(path)
    before = path.read_bytes()

    with pytest.raises(CommandError, match="--refused would overwrite"):
        import_file(path)

    assert path.read_bytes() == before


@pytest.mark.live
def test_on_the_command_line_an_error_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    answer = run_command(*command(tmp_path / "none.csv"))

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.count("\n") == 1
    assert "No such file or directory" in answer.stderr
    assert "Invoice or InvoiceNo" in answer.stderr


@pytest.mark.django_db
def test_a_stock_at_its_limit_stays_there(first_year: Path, second_year: Path) -> None:
    import_file(first_year)
    Product.objects.filter(sku="85048").update(stock=MAX_INT32)

    import_file(second_year)

    assert Product.objects.get(sku="85048").stock == MAX_INT32
