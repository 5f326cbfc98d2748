"""importretail on files broken at random: every row is loaded as it was or listed as refused, and none is lost.

RETAIL_FUZZ=1000 python -m pytest tests/samples/test_importretail_fuzz.py    # so many files of each kind; 12 else
"""

import codecs
import csv
import gzip
import io
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import transaction

from orders.models import OrderItem
from samples.retail.refusals import OF_CANCELLATIONS, Reason
from tests.samples.retail import HEADERS, everything, figures, import_file, refused_path, row, write_file
from tests.samples.test_importretail_again import figures_hold
from tests.samples.test_importretail_real import FILE

pytestmark = pytest.mark.django_db

SEEDS = range(int(os.environ.get("RETAIL_FUZZ") or 8))
REAL_ROWS = 300
FORMS = [
    ("utf-8", b""),
    ("utf-8", codecs.BOM_UTF8),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
    ("cp1252", b""),
]
SPITEFUL = [b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"\xe9", b"\xc3", b'""', b'","', b'"\n']
# A broken row can have others refused: those of its invoice that name the true customer, and their cancellations.
BY_ANOTHER_ROW = {Reason.TWO_CUSTOMERS, *OF_CANCELLATIONS}

Raw = tuple[str, ...]
Item = tuple[str, str, str, int, Decimal]


def invented_rows() -> list[list[str]]:
    """Return rows with all that a CSV may have: quotes, fields over lines, letters beyond ASCII."""
    chance = random.Random(22)
    names = ["GLASS BALL", 'BALL, 7"', "CAFÉ £5", "NAÏVE\nBALL", '"QUOTED"', "BALL\r\nOF GLASS, RED"]
    rows = [row(1 + number // 7, name=chance.choice(names), units=1 + number % 5) for number in range(120)]
    rows += [row(f"C{number}", units=-1, at="2010-02-01 10:00:00") for number in range(1, 6)]
    return [*rows, row(90, code="POST"), row(91, name=""), row(92, price="0")]


def real_rows() -> list[list[str]]:
    if not FILE.exists():
        pytest.skip(f"needs {FILE}; RETAIL_FILE names another")
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as file:
        return [values for values, _ in zip(csv.reader(file), range(REAL_ROWS + 1), strict=False)][1:]


@dataclass
class Broken:
    content: bytes
    has_headers: bool
    untouched: Counter[Raw]
    excused: set[Reason]  # for which an untouched row may be refused


def broken_file(rows: list[list[str]], chance: random.Random) -> Broken:
    """Write the rows in a form taken at random and break a few bytes of them, or cut the end off."""
    encoding, mark = chance.choice(FORMS)
    form = {"delimiter": chance.choice(",;\t"), "lineterminator": chance.choice(["\n", "\r\n"])}
    pieces = [_line(values, **form).encode(encoding) for values in [HEADERS, *rows]]
    pieces[0] = mark + pieces[0]
    touched: set[int] = set()
    for _ in range(chance.choice([0, 1, 1, 3, 10])):
        touched |= _break_one(pieces, chance)
    if chance.random() < 0.2:
        place = chance.randrange(1, len(pieces))
        pieces[place] = pieces[place][: chance.randrange(len(pieces[place]))]
        touched |= set(range(place, len(pieces)))
        del pieces[place + 1 :]
    untouched = Counter(tuple(values) for place, values in enumerate(rows, 1) if place not in touched)
    content = b"".join(pieces)
    # Broken bytes may be so many that a file without a mark looks like one in another encoding.
    reasons = BY_ANOTHER_ROW if mark or encoding == "utf-8" else BY_ANOTHER_ROW | {Reason.ENCODING}
    return Broken(gzip.compress(content) if chance.random() < 0.3 else content, 0 not in touched, untouched, reasons)


def _line(values: list[str], **form: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **form).writerow(values)
    return text.getvalue()


def _break_one(pieces: list[bytes], chance: random.Random) -> set[int]:
    """Break a row, and return the places of those that it touches: its own and, if its end may be lost, the next."""
    place = chance.randrange(0 if chance.random() < 0.05 else 1, len(pieces))
    piece = pieces[place]
    at = chance.randrange(len(piece)) if piece else 0
    some = chance.choice([*SPITEFUL, bytes([chance.randrange(256)])])
    how = chance.choice(["change", "insert", "delete"])
    pieces[place] = piece[:at] + (b"" if how == "delete" else some) + piece[at + (how != "insert") :]
    return {place, place + 1} if at >= len(piece) - 4 else {place}


def item_of(raw: Raw) -> Item:
    number, code, name, units, _, price, *_ = raw
    return number, code.strip().upper(), name.strip(), int(units), Decimal(price).quantize(Decimal("0.01"))


def refused(path: Path) -> list[tuple[str, Raw]]:
    with refused_path(path).open(encoding="utf-8", newline="") as file:
        return [(reason, tuple(raw)) for _, reason, *raw in list(csv.reader(file))[1:]]


def refused_anyway(path: Path, rows: list[list[str]]) -> Counter[Raw]:
    """Return the rows that are no trade in the whole file either."""
    with transaction.atomic():
        import_file(write_file(path, rows))
        transaction.set_rollback(True)
    return Counter(raw for reason, raw in refused(path) if reason not in OF_CANCELLATIONS)


def import_or_error(path: Path) -> str | CommandError:
    try:
        return import_file(path)
    except CommandError as error:
        return error


def loaded() -> Counter[Item]:
    fields = ("order__number", "sku", "name", "quantity", "unit_price")
    return Counter(OrderItem.objects.values_list(*fields))


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("source", [real_rows, invented_rows], ids=["real", "invented"])
def test_every_row_of_a_broken_file_is_loaded_as_it_was_or_listed(
    tmp_path: Path, source: Callable[[], list[list[str]]], seed: int
) -> None:
    rows, path = source(), tmp_path / "broken.csv"
    no_trade = refused_anyway(tmp_path / "whole.csv", rows)
    broken = broken_file(rows, random.Random(seed))
    path.write_bytes(broken.content)

    outcome = import_or_error(path)

    if isinstance(outcome, CommandError):
        assert (outcome.returncode, "\n" in str(outcome), broken.has_headers) == (1, False, False)
        assert [len(table) for table in everything()] == [0] * len(everything())
        return
    printed = figures(outcome)
    listed = refused(path)
    assert printed["Rows read"] == printed["sale lines"] + printed["cancellation lines"] + printed["refused"]
    assert len(listed) == printed["refused"] + sum(printed.get(reason, 0) for reason in OF_CANCELLATIONS)
    assert loaded().total() == printed["sale lines"]
    assert broken.untouched & no_trade <= Counter(raw for _, raw in listed)
    excused = Counter(raw for reason, raw in listed if reason in broken.excused)
    trade = (broken.untouched - no_trade - excused).elements()
    assert Counter(item_of(raw) for raw in trade if not raw[0].startswith("C")) <= loaded()

    before = everything()
    import_file(path)
    assert everything() == before


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("source", [real_rows, invented_rows], ids=["real", "invented"])
def test_the_whole_file_after_a_broken_one_adds_the_rows_that_it_lacked(
    tmp_path: Path, source: Callable[[], list[list[str]]], seed: int
) -> None:
    rows, path, whole = source(), tmp_path / "broken.csv", tmp_path / "whole.csv"
    path.write_bytes(broken_file(rows, random.Random(seed)).content)
    import_or_error(path)
    kept = loaded()

    import_file(write_file(whole, rows))

    trade = (Counter(map(tuple, rows)) - Counter(raw for _, raw in refused(whole))).elements()
    sales = Counter(item_of(raw) for raw in trade if not raw[0].startswith("C"))
    assert loaded() == sales | kept
    assert figures_hold()
    before = everything()
    import_file(whole)
    assert everything() == before
