"""Stores the accepted sale lines until they are matched with cancellations and written."""

import marshal
import tempfile
from collections.abc import Iterator
from typing import NamedTuple, Self

LINES_A_BLOCK = 1_000


class SaleLine(NamedTuple):
    """A line of an invoice; money is text, ready to be stored."""

    line: int  # in the file
    number: str
    position: int  # in the invoice, counted from 0
    code: str
    name: str
    units: int
    price: str
    amount: str


class Spool:
    """A temporary file of sale lines, in the order they were added; about 70 bytes a line."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="importretail-")  # noqa: SIM115  # closed by __exit__
        self.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def begin(self) -> None:
        """Discard the lines added so far."""
        self._file.seek(0)
        self._file.truncate()
        self._block: list[tuple[object, ...]] = []
        self._sizes: list[int] = []  # of the blocks, in bytes

    def add(self, sale: SaleLine) -> None:
        self._block.append(tuple(sale))
        if len(self._block) == LINES_A_BLOCK:
            self.finish()

    def finish(self) -> None:
        """Write the remaining lines to the file."""
        self._sizes.append(self._file.write(marshal.dumps(self._block)))
        self._block.clear()

    def lines(self) -> Iterator[SaleLine]:
        """Yield every line that was added."""
        self._file.seek(0)
        for size in self._sizes:
            # load() reads a few bytes at a time from a file, and takes ten times as long.
            yield from map(SaleLine._make, marshal.loads(self._file.read(size)))  # noqa: S302  # written by this object
