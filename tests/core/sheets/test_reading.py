"""Rows and numbers of files that people upload."""

import io
import zipfile
from collections.abc import Callable
from decimal import Decimal

import pytest
import xlsxwriter

from core.errors import InvalidInput
from core.sheets.numbers import decimal_sign, number, whole_number
from core.sheets.reading import read_table


def xlsx(*rows: tuple[object, ...]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, row)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_is_read_in_the_encodings_and_with_the_delimiters_of_spreadsheets(encoding: str, delimiter: str) -> None:
    text = f"sku{delimiter}name\r\n\r\nA-1{delimiter} Café \r\nA-2{delimiter}\r\n"

    assert list(read_table(text.encode(encoding))) == [(1, ["sku", "name"]), (3, ["A-1", "Café"]), (4, ["A-2", None])]


def test_xlsx_is_read_with_the_decimals_that_excel_shows() -> None:
    content = xlsx(("sku", "price"), (), ("A-1", 0.1 + 0.2), (1001, "12,50"))

    assert list(read_table(content)) == [
        (1, ["sku", "price"]),
        (3, ["A-1", Decimal("0.3")]),
        (4, [Decimal(1001), "12,50"]),
    ]


@pytest.mark.parametrize(
    "content",
    [b"\xd0\xcf\x11\xe0old", b"PK\x03\x04not a zip", xlsx(("a",))[:-40], b'sku,name\n"A,1\n', b'a,b\n"x"y,1\n'],
)
def test_unreadable_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        list(read_table(content))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("sku,name\nA,Café\nB,Tea \n".encode() + b"C,Caf\xe9\n", "Line 4 is not UTF-8"),
        ("\ufeffsku,name\n".encode() + b"A,Caf\xe9\n", "Line 2 is not UTF-8"),
        (b"sku,name\nA,\x81\n", "not valid text"),
        ("sku,name\nA,B\n".encode("utf-16")[:-1], "not valid text"),
    ],
)
def test_text_in_two_encodings_or_in_none_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        list(read_table(content))


def with_sheet(change: Callable[[str], str], *rows: tuple[object, ...]) -> bytes:
    """Return an XLSX file whose sheet, as XML, is changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx(*rows))) as whole, zipfile.ZipFile(file, "w") as changed:
        for name in whole.namelist():
            text = whole.read(name)
            changed.writestr(name, change(text.decode()) if name.endswith("sheet1.xml") else text)
    return file.getvalue()


@pytest.mark.parametrize(("written", "read"), [("1E400", "inf"), ("-1E400", "-inf"), ("9" * 400, Decimal("9" * 400))])
def test_number_beyond_those_of_excel_is_read(written: str, read: object) -> None:
    content = with_sheet(lambda xml: xml.replace("<v>7</v>", f"<v>{written}</v>"), (7,))

    assert list(read_table(content)) == [(1, [read])]


def test_cells_outside_of_the_dimension_that_the_sheet_names_are_read() -> None:
    content = with_sheet(lambda xml: xml.replace('ref="A1:B1"', 'ref="A1"'), ("sku", "price"))

    assert list(read_table(content)) == [(1, ["sku", "price"])]


@pytest.mark.long
def test_row_beyond_those_of_excel_is_refused() -> None:
    content = with_sheet(lambda xml: xml.replace('<row r="1"', '<row r="999999999"'), (7,))

    with pytest.raises(InvalidInput, match="at most 1048576 rows"):
        list(read_table(content))


@pytest.mark.long
def test_xlsx_with_damaged_bytes_is_refused() -> None:
    whole, refused = xlsx(*[(f"A-{n}", n) for n in range(200)]), 0

    for place in range(30, len(whole), 97):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        try:
            list(read_table(bytes(damaged)))
        except InvalidInput:
            refused += 1

    assert refused > 10


def test_archive_that_grows_when_unpacked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.sheets.reading.MAX_UNPACKED_BYTES", 1_000)

    with pytest.raises(InvalidInput, match="too large when unpacked"):
        list(read_table(xlsx(("sku",))))


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["12,50"], ","),
        (["12.50", "1,234"], "."),
        (["1.234,50"], ","),
        (["1,234,567"], "."),
        (["1 234", "5"], "."),
        (["0,125"], ","),
        ([], "."),
    ],
)
def test_decimal_sign_is_found(texts: list[str], sign: str) -> None:
    assert decimal_sign(texts) == sign


@pytest.mark.parametrize("texts", [["12,50", "12.50"], ["1,234"], ["1.234", "7"]])
def test_decimal_sign_that_can_not_be_found_must_be_chosen(texts: list[str]) -> None:
    with pytest.raises(InvalidInput, match="Choose the decimal sign"):
        decimal_sign(texts)


@pytest.mark.parametrize(
    ("text", "sign", "value"),
    [
        ("12,50", ",", "12.50"),
        ("1.234,50", ",", "1234.50"),
        ("1 234,5", ",", "1234.5"),
        ("1'234.50", ".", "1234.50"),
        ("-3", ".", "-3"),
        (".5", ".", "0.5"),
        ("12,50", ".", None),
        ("1,2,3", ".", None),
        ("1_0", ".", None),
        ("NaN", ".", None),
        ("1e9", ".", None),
        ("\u0661", ".", None),
        ("9" * 41, ".", None),
    ],
)
def test_number_is_read_with_its_sign_or_not_at_all(text: str, sign: str, value: str | None) -> None:
    assert number(text, sign) == (value and Decimal(value))


@pytest.mark.parametrize(("text", "value"), [("1,234", 1234), ("1.234", 1234), ("-3", -3), ("+40", 40), ("x", None)])
def test_whole_number_may_have_groups(text: str, value: int | None) -> None:
    assert whole_number(text) == value
