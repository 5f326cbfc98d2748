"""Rows of CSV and XLSX files that staff upload. The content decides the format, not the file's name."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from xml.etree.ElementTree import ParseError  # only its name: openpyxl parses

from core.errors import InvalidInput

ReadCell = str | Decimal | None  # None if the cell is empty
ReadRow = tuple[int, list[ReadCell]]  # the number of its line or row, from 1
MAX_UNPACKED_BYTES = 200_000_000  # of an XLSX file, which is a zip archive
MAX_COLUMNS = 100
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_table(content: bytes) -> Iterator[ReadRow]:
    """Yield the rows that are not empty. Raises InvalidInput, also between two rows, if the file can't be read."""
    if content.startswith(_OLD_EXCEL):
        raise InvalidInput("This is an old Excel file. Save it as XLSX or CSV.")
    rows = _xlsx_rows(content) if content.startswith(_ZIP) else _csv_rows(_decoded(content))
    return ((line, row) for line, row in rows if any(cell is not None for cell in row))


def _decoded(content: bytes) -> str:
    if content.startswith(_UTF_16):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("windows-1252", errors="replace")


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
    from openpyxl import load_workbook  # late: it takes 0.1 s, and most processes read no XLSX file

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise InvalidInput("This XLSX file is too large when unpacked.")
        sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        columns = min(sheet.max_column or MAX_COLUMNS, MAX_COLUMNS)
        for line, row in enumerate(sheet.iter_rows(values_only=True, max_col=columns), start=1):
            yield line, [_cell(value) for value in row]
    except (zipfile.BadZipFile, ParseError, KeyError, ValueError, IndexError, EOFError) as error:
        raise InvalidInput("This file is not a readable XLSX file.") from error


def _cell(value: object) -> ReadCell:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return Decimal(f"{value:.15g}")  # Excel computes with 15 digits: 0.1 + 0.2 is 0.3
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return None if value is None else str(value).strip() or None
