"""Opens, unpacks and decodes the file, finds its columns, and yields its rows one at a time."""

import csv
import gzip
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO

from samples.retail.decoding import Decoder, Encoding
from samples.retail.records import Records, RetailRow, parsed

SPELLINGS = {
    "number": ("Invoice", "InvoiceNo"),
    "code": ("StockCode",),
    "name": ("Description",),
    "quantity": ("Quantity",),
    "price": ("Price", "UnitPrice"),
    "moment": ("InvoiceDate",),
    "customer": ("Customer ID", "CustomerID"),
}
EXPECTED = "the first line of an Online Retail CSV or .csv.gz names " + ", ".join(
    " or ".join(spellings) for spellings in SPELLINGS.values()
)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ROWS_BETWEEN_REPORTS = 2_000
OnBytes = Callable[[int, int], object]


class UnreadableFile(Exception):
    """The file does not exist, can't be read, or is not an Online Retail file. The message is one line."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(" ".join(f"Can't read {path}: {why}; {EXPECTED}.".split()))


class RetailFile:
    """An Online Retail file; at most `limit` data rows are read.

    Without an `encoding`, the lines of the file decide. Without a `delimiter` (a name or a character of DELIMITERS),
    its headers decide. `on_bytes` is called with the number of bytes read so far and the size of the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        limit: int | None = None,
        encoding: Encoding | None = None,
        delimiter: str | None = None,
        on_bytes: OnBytes = lambda done, size: None,
    ) -> None:
        self.path = path
        self.limit = limit
        self.headers: list[str] = []
        self.decoder = Decoder(encoding)
        self.delimiter = "comma"
        self._delimiters = [name for name, char in DELIMITERS.items() if delimiter in (None, name, char)]
        self.is_delimiter_given = delimiter is not None
        self._on_bytes = on_bytes

    @property
    def is_2011_file(self) -> bool:
        """Whether the headers are those of the file of 2010-2011, whose dates are month-first."""
        return "invoiceno" in _names(self.headers)

    def check(self) -> None:
        """Read the headers. Raises UnreadableFile if the file does not exist or its first line names no columns."""
        next(self.rows(), None)

    def rows(self) -> Iterator[RetailRow]:
        """Yield the data rows in order, without blank lines. Raises UnreadableFile."""
        with self._as_unreadable_file(), self._opened() as (plain, raw):
            lines = self.decoder.lines(plain)
            positions = self._read_headers(next(lines, ""))
            width, delimiter = len(self.headers), DELIMITERS[self.delimiter]
            records = Records(lines, delimiter=delimiter, width=width, pick=itemgetter(*positions))
            yield from islice(self._reported(records.rows(line=2), raw), self.limit)
        self._on_bytes(self._size, self._size)

    def _reported(self, rows: Iterable[RetailRow], raw: IO[bytes]) -> Iterator[RetailRow]:
        for count, row in enumerate(rows, start=1):
            yield row
            if count % ROWS_BETWEEN_REPORTS == 0:
                self._on_bytes(raw.tell(), self._size)

    def _read_headers(self, line: str) -> list[int]:
        """Choose the delimiter that gives most known headers; return the column indexes in the order of SPELLINGS."""
        if not line:
            raise UnreadableFile(self.path, "it is empty")
        candidates = {delimiter: _headers(line, DELIMITERS[delimiter]) for delimiter in self._delimiters}
        self.delimiter = max(candidates, key=lambda one: len(_positions(candidates[one])))
        self.headers = candidates[self.delimiter]
        positions = _positions(self.headers)
        for column, spellings in SPELLINGS.items():
            if column not in positions:
                raise UnreadableFile(self.path, f"its first line does not name {' or '.join(spellings)}{_hint(line)}")
        return [positions[column] for column in SPELLINGS]

    @contextmanager
    def _opened(self) -> Iterator[tuple[object, IO[bytes]]]:
        status = self.path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe can't be read a second time, in another encoding
            raise UnreadableFile(self.path, "it is not a regular file")
        self._size = status.st_size
        if not self._size:
            raise UnreadableFile(self.path, "it is empty")
        with self.path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            yield gzip.GzipFile(fileobj=raw) if packed else raw, raw

    @contextmanager
    def _as_unreadable_file(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFile(self.path, getattr(error, "strerror", None) or error) from error


def _headers(line: str, delimiter: str) -> list[str]:
    try:
        return parsed([line], delimiter)
    except csv.Error:
        return []


def _names(headers: list[str]) -> list[str]:
    return [header.strip().casefold() for header in headers]


def _positions(headers: list[str]) -> dict[str, int]:
    """Return the index of each known column in the headers."""
    names = _names(headers)
    found = {
        column: next((names.index(name.casefold()) for name in spellings if name.casefold() in names), None)
        for column, spellings in SPELLINGS.items()
    }
    return {column: position for column, position in found.items() if position is not None}


def _hint(line: str) -> str:
    return ", but has NUL bytes (if it is UTF-16, choose --encoding utf-16-le or utf-16-be)" if "\0" in line else ""
