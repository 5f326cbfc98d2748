"""CSV and XLSX files: exact values, harmless texts, and a memory that does not grow with the rows."""

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from core.sheets import writing
from core.sheets.cells import harmless
from core.sheets.writing import csv_parts, xlsx_parts

MOMENT = datetime(2025, 3, 1, 23, 59, 58, tzinfo=UTC)
ROW = ("A-1", MOMENT, Decimal("1234.50"), 3, None, "=1+1")
PEAK_BYTES = 4_000_000


def read_csv(parts: Iterator[bytes]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(parts).decode("utf-8-sig"), newline="")))


def read_xlsx(parts: Iterator[bytes]) -> list[list[tuple[Any, ...]]]:
    book = load_workbook(io.BytesIO(b"".join(parts)))
    return [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "Mug", "a=b", "2-1", "'x"])
def test_other_texts_stay(text: str) -> None:
    assert harmless(text) == text


def test_csv_has_exact_values() -> None:
    rows = read_csv(csv_parts(["a", "b"], [ROW, ('say "hi",\nthen', MOMENT, Decimal(1), 0, "é", "")]))

    assert rows == [
        ["a", "b"],
        ["A-1", "2025-03-01 23:59:58", "1234.50", "3", "", "'=1+1"],
        ['say "hi",\nthen', "2025-03-01 23:59:58", "1", "0", "é", ""],
    ]


def test_xlsx_has_typed_values_and_no_formula() -> None:
    [[header, row]] = read_xlsx(xlsx_parts(["a", "b"], [ROW]))

    assert header[:2] == ("a", "b")
    assert row == ("A-1", datetime(2025, 3, 1, 23, 59, 58), 1234.5, 3, None, "'=1+1")  # noqa: DTZ001  # as XLSX has it


def test_characters_that_xml_forbids_do_not_break_the_file() -> None:
    [[_, row]] = read_xlsx(xlsx_parts(["a"], [("a\x07b\ud800\uffff",)]))

    assert row == ("a\ufffdb\ufffd\ufffd",)


def test_rows_beyond_the_size_of_a_sheet_go_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_SHEET_ROWS", 3)

    sheets = read_xlsx(xlsx_parts(["n"], [(n,) for n in range(5)]))

    assert sheets == [[("n",), (0,), (1,)], [("n",), (2,), (3,)], [("n",), (4,)]]


@pytest.mark.long
@pytest.mark.same_everywhere
@pytest.mark.parametrize("write", [csv_parts, xlsx_parts])
def test_memory_does_not_grow_with_the_rows(write: Callable[..., Iterator[bytes]]) -> None:
    rows = ((f"ORDER-{n}", Decimal(n), "x" * 100) for n in range(20_000))
    tracemalloc.start()

    size = sum(len(part) for part in write(["number", "amount", "text"], rows))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 100_000
    assert peak < PEAK_BYTES
