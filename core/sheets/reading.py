"""Rows of CSV and XLSX files that staff upload. The content decides the format, not the file's name."""

import csv
import io
import math
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal

from core.errors import InvalidInput

ReadCell = str | Decimal | None  # None if the cell is empty
ReadRow = tuple[int, list[ReadCell]]  # the number of its line or row, from 1
MAX_UNPACKED_BYTES = 200_000_000  # of an XLSX file, which is a zip archive
MAX_COLUMNS = 100
MAX_SHEET_ROWS = 1_048_576  # as in Excel; a file may name any row, and openpyxl would yield all empty rows before it
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_table(content: bytes) -> Iterator[ReadRow]:
    """Yield the rows that are not empty. Raises InvalidInput, also between two rows, if the file can't be read."""
    if content.startswith(_OLD_EXCEL):
        raise InvalidInput("This is an old Excel file. Save it as XLSX or CSV.")
    rows = _xlsx_rows(content) if content.startswith(_ZIP) else _csv_rows(_decoded(content))
    return ((line, row) for line, row in rows if any(cell is not None for cell in row))


def _decoded(content: bytes) -> str:
    """Raises InvalidInput if the file is in no known encoding, or partly in another: the text would be wrong."""
    if content.startswith(_UTF_16):
        return _decoded_by("utf-16", content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse_two_encodings(content)
        return _decoded_by("windows-1252", content)


def _decoded_by(encoding: str, content: bytes) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput("This file is not valid text. Save it as CSV in UTF-8.") from error


def _refuse_two_encodings(content: bytes) -> None:
    """Raise InvalidInput if some lines are UTF-8 and others are not: by the other encoding, all would be readable."""
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), start=1) if not line.isascii()]
    broken = [number for number, line in lines if not _is_utf_8(line)]
    if len(broken) < len(lines):
        raise InvalidInput(f"Line {broken[0]} is not UTF-8, but others are. Save the whole file as CSV in UTF-8.")


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _csv_rows(text: str) -> Iterator[ReadRow]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield reader.line_num, [cell.strip() or None for cell in row[:MAX_COLUMNS]]
    except csv.Error as error:
        raise InvalidInput(f"Line {reader.line_num} is not valid CSV: {error}") from error


def _xlsx_rows(content: bytes) -> Iterator[ReadRow]:
    """Yield the rows of the first sheet; of formulas, the values that were last computed."""
    try:
        yield from _rows_of_sheet(content)
    except InvalidInput:
        raise
    except Exception as error:  # openpyxl, zipfile and zlib raise many types for a file that is damaged or encrypted
        raise InvalidInput("This file is not a readable XLSX file.") from error


def _rows_of_sheet(content: bytes) -> Iterator[ReadRow]:
    from openpyxl import load_workbook  # late: it takes 0.1 s, and most processes read no XLSX file

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
            raise InvalidInput("This XLSX file is too large when unpacked.")
    sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
    sheet.reset_dimensions()  # some programs write wrong ones, and openpyxl would leave out the cells beyond
    rows = sheet.iter_rows(values_only=True, max_row=MAX_SHEET_ROWS + 1)
    for line, row in enumerate(rows, start=1):
        if line > MAX_SHEET_ROWS:
            raise InvalidInput(f"A sheet has at most {MAX_SHEET_ROWS} rows.")
        yield line, [_cell(value) for value in row[:MAX_COLUMNS]]


def _cell(value: object) -> ReadCell:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(f"{value:.15g}")  # Excel computes with 15 digits: 0.1 + 0.2 is 0.3
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return None if value is None else str(value).strip() or None
