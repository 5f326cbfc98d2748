"""CSV and XLSX files, written row by row: the memory needed does not grow with the number of rows.

django-import-export holds the whole table in memory before it writes a byte. The standard library's csv writes each row
at once, and XlsxWriter with `constant_memory` keeps the rows in a temporary file, in a fifth of openpyxl's time.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import NamedTuple

from django.http import StreamingHttpResponse

from core.moments import shop_zone
from core.sheets.cells import Cell, safe_cell

ROWS_PER_PART = 500
MAX_SHEET_ROWS = 1_048_576  # of XLSX, the header included; further rows go to further sheets
BLOCK_BYTES = 64 * 1024
BOM = "\ufeff"  # without it, Excel reads UTF-8 as the code page of its machine
Rows = Iterable[Sequence[Cell]]
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def csv_parts(header: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield the file in parts: UTF-8, commas, moments as `2025-11-22 23:31:05` in the shop's time zone."""
    text = io.StringIO()
    writer = csv.writer(text)
    text.write(BOM)
    writer.writerow(header)
    for count, row in enumerate(rows, start=1):
        writer.writerow([_csv_cell(value) for value in row])
        if count % ROWS_PER_PART == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _csv_cell(value: Cell) -> Cell:
    if isinstance(value, datetime):
        return value.astimezone(shop_zone()).strftime("%Y-%m-%d %H:%M:%S")
    return safe_cell(value)


def xlsx_parts(header: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield the file in parts. While the rows are read, the parts are empty: the server can stop at each of them."""
    with TemporaryFile() as file:
        book = _Book(file, header)
        for count, row in enumerate(rows, start=1):
            book.write(row)
            if count % ROWS_PER_PART == 0:
                yield b""
        book.close()
        file.seek(0)
        yield from iter(lambda: file.read(BLOCK_BYTES), b"")


class _Book:
    """A workbook that begins another sheet when one is full."""

    def __init__(self, file: object, header: Sequence[str]) -> None:
        import xlsxwriter  # late, as in reading.py

        self.book = xlsxwriter.Workbook(file, OPTIONS)
        self.header = header
        self.title = self.book.add_format({"bold": True})
        self.amount = self.book.add_format({"num_format": "#,##0.00"})
        self.moment = self.book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self.sheet, self.row = self.book.add_worksheet(), 1
        self.sheet.freeze_panes(1, 0)
        self.sheet.set_column(0, len(self.header) - 1, 18)
        self.sheet.write_row(0, 0, self.header, self.title)

    def write(self, row: Sequence[Cell]) -> None:
        if self.row == MAX_SHEET_ROWS:
            self._begin_sheet()
        for column, value in enumerate(row):
            self._write_cell(column, value)
        self.row += 1

    def _write_cell(self, column: int, value: Cell) -> None:
        if isinstance(value, str):
            self.sheet.write_string(self.row, column, str(safe_cell(value)))
        elif isinstance(value, datetime):
            self.sheet.write_datetime(self.row, column, value.astimezone(shop_zone()).replace(tzinfo=None), self.moment)
        elif value is not None:
            self.sheet.write_number(self.row, column, value, self.amount if isinstance(value, Decimal) else None)

    def close(self) -> None:
        self.book.close()


class FileFormat(NamedTuple):
    label: str
    media_type: str
    parts: Callable[[Sequence[str], Rows], Iterator[bytes]]


FILE_FORMATS: Mapping[str, FileFormat] = {
    "csv": FileFormat("CSV", "text/csv; charset=utf-8", csv_parts),
    "xlsx": FileFormat("Excel (XLSX)", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_parts),
}


def download(name: str, file_format: str, header: Sequence[str], rows: Rows) -> StreamingHttpResponse:
    """Return the file as a download that is written while it is sent. `name` has no extension."""
    chosen = FILE_FORMATS[file_format]
    response = StreamingHttpResponse(chosen.parts(header, rows), content_type=chosen.media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_format}"'
    response["Cache-Control"] = "no-store"
    return response
