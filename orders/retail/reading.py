"""The file: found, unpacked, decoded, its columns named, its rows given one at a time."""

import csv
import gzip
import io
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

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
ROWS_BETWEEN_REPORTS = 2_000
Picker = Callable[[list[str]], tuple[str, ...]]
OnBytes = Callable[[int, int], object]


class UnreadableFile(Exception):
    """There is no such file, or it is not an Online Retail file; the text is one line for the caller."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(" ".join(f"Can't read {path}: {why}; {EXPECTED}.".split()))


class Row(NamedTuple):
    line: int  # in the file, of the row's beginning; the headers are on line 1
    fields: tuple[str, ...] | None  # in the order of SPELLINGS; None when the row has more or fewer than the headers
    raw: list[str]


class RetailFile:
    """A file of which at most `limit` data rows are read.

    `on_bytes` is told how many bytes of it were consumed so far, and how many there are.
    """

    def __init__(self, path: Path, *, limit: int | None = None, on_bytes: OnBytes = lambda done, size: None):
        self.path = path
        self.limit = limit
        self.headers: list[str] = []
        self.encoding = "utf-8-sig"
        self._on_bytes = on_bytes

    def check(self) -> None:
        """Read the headers. Raises UnreadableFile when there is no such file, or its first line names no columns."""
        try:
            next(self.rows(), None)
        except UnicodeDecodeError:
            self.take_for_latin_1()
            self.check()

    def take_for_latin_1(self) -> None:
        """Decode as what files of this kind are in when they are not UTF-8; every byte is a character of it."""
        self.encoding = "latin-1"

    def rows(self) -> Iterator[Row]:
        """Give the data rows in order; blank lines are none. Raises UnreadableFile, or UnicodeDecodeError."""
        with self._refusing_what_is_unreadable(), self._opened() as (text, raw):
            reader = csv.reader(text)
            self.headers = next(reader, [])
            yield from islice(self._numbered(reader, raw, self._picker(self.headers)), self.limit)
        self._on_bytes(self._size, self._size)

    def _numbered(self, reader: Any, raw: IO[bytes], pick: Picker) -> Iterator[Row]:
        width, line = len(self.headers), reader.line_num + 1
        for count, values in enumerate(reader, start=1):
            if values:
                yield Row(line, pick(values) if len(values) == width else None, values)
            line = reader.line_num + 1
            if count % ROWS_BETWEEN_REPORTS == 0:
                self._on_bytes(raw.tell(), self._size)

    def _picker(self, headers: list[str]) -> Picker:
        names = [header.strip().casefold() for header in headers]
        places = []
        for spellings in SPELLINGS.values():
            place = next((names.index(name.casefold()) for name in spellings if name.casefold() in names), None)
            if place is None:
                raise UnreadableFile(self.path, f"its first line does not name {' or '.join(spellings)}")
            places.append(place)
        return itemgetter(*places)

    @contextmanager
    def _opened(self) -> Iterator[tuple[io.TextIOWrapper, IO[bytes]]]:
        status = self.path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe could not be read a second time, in another encoding
            raise UnreadableFile(self.path, "it is no file")
        self._size = status.st_size
        if not self._size:
            raise UnreadableFile(self.path, "it is empty")
        with self.path.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            plain = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(plain, encoding=self.encoding, newline="") as text:
                yield text, raw

    @contextmanager
    def _refusing_what_is_unreadable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            raise UnreadableFile(self.path, getattr(error, "strerror", None) or error) from error
