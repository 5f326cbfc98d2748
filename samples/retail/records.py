"""Combines physical lines into rows: a row is one line, or several lines if a quoted field spans them."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from samples.retail.decoding import is_undecoded
from samples.retail.refusals import Reason

MOST_LINES = 200
MOST_CHARACTERS, MOST_SHOWN = 100_000, 1_000
NUMBER = re.compile(r"\s*[A-Za-z]?[0-9]+\s*")
OPEN_QUOTE = "unexpected end of data"  # the csv module has no other sign of this error
Picker = Callable[[list[str]], tuple[str, ...]]


class RetailRow(NamedTuple):
    line: int  # number of the row's first line in the file
    fields: tuple[str, ...]  # those that `pick` selects; empty if the row has a fault
    raw: list[str]
    fault: Reason | None


class Records:
    """The rows of a file with `width` columns. `pick` selects the fields; the first is an invoice number.

    An unclosed quote makes only its own line faulty; the lines after it are separate rows.
    """

    def __init__(self, lines: Iterator[str], *, delimiter: str, width: int, pick: Picker) -> None:
        self._lines, self._delimiter, self._width, self._pick = lines, delimiter, width, pick
        self._ahead: deque[str] = deque()  # lines read ahead in search of a closing quote

    def rows(self, line: int) -> Iterator[RetailRow]:
        """Yield the rows. `line` is the number of the next line of the file. Blank lines are not rows."""
        ahead, lines, delimiter, width, pick = self._ahead, self._lines, self._delimiter, self._width, self._pick
        while text := ahead.popleft() if ahead else next(lines, ""):
            if '"' in text or not text.isascii() or len(text) > MOST_CHARACTERS:
                values, fault, count = self._record(text)
            else:
                values, count = text.rstrip("\r\n").split(delimiter), 1
                fault = None if len(values) == width else Reason.COLUMNS
            if values != [""]:
                yield RetailRow(line, () if fault else pick(values), values, fault)
            line += count

    def _record(self, text: str) -> tuple[list[str], Reason | None, int]:
        """Return the values of the record that begins with this line, its fault, and its number of lines."""
        if len(text) > MOST_CHARACTERS:
            return self._split(text[:MOST_SHOWN]), Reason.LONG_ROW, 1
        values, fault, count = self._quoted(text)
        return values, Reason.ENCODING if is_undecoded("".join(values)) else fault, count

    def _quoted(self, text: str) -> tuple[list[str], Reason | None, int]:
        try:
            values = parsed([text], self._delimiter)
        except OpenQuote:
            return self._over_lines(text)
        except csv.Error:
            return self._split(text), Reason.MISPLACED_QUOTE, 1
        return values, None if len(values) == self._width else Reason.COLUMNS, 1

    def _over_lines(self, text: str) -> tuple[list[str], Reason | None, int]:
        lines = [text]
        for following in self._following():
            lines.append(following)
            if len(lines) > MOST_LINES or self._is_record(following):
                break
            try:
                values = parsed(lines, self._delimiter)
            except OpenQuote:
                continue
            except csv.Error:
                break
            if len(values) != self._width:
                break
            for _ in lines[1:]:
                self._ahead.popleft()
            return values, None, len(lines)
        return self._split(text), Reason.UNCLOSED_QUOTE, 1

    def _following(self) -> Iterator[str]:
        """Yield the lines after the current one without consuming them."""
        yield from list(self._ahead)
        for line in self._lines:
            self._ahead.append(line)
            yield line

    def _is_record(self, text: str) -> bool:
        try:
            values = parsed([text], self._delimiter)
        except csv.Error:
            return False
        return len(values) == self._width and NUMBER.fullmatch(self._pick(values)[0]) is not None

    def _split(self, text: str) -> list[str]:
        return text.rstrip("\r\n").split(self._delimiter)


class OpenQuote(csv.Error):
    """The lines end within a quoted field."""


def parsed(lines: list[str], delimiter: str) -> list[str]:
    """Parse the lines as one record and return its values. Raises OpenQuote or another csv.Error."""
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise (OpenQuote if str(error) == OPEN_QUOTE else csv.Error)(str(error)) from error
