"""The accepted sale lines, between the reading that accepts them and the two uses of them."""

import marshal
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

LINES_A_BLOCK = 1_000


class SaleLine(NamedTuple):
    """A line of an invoice; money is text, ready to be stored."""

    line: int  # in the file
    number: str
    place: int  # in the invoice, counted from 0
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

    def __exit__(self, *exception: Any) -> None:
        self._file.close()

    def begin(self) -> None:
        """Forget what was added."""
        self._file.seek(0)
        self._file.truncate()
        self._block: list[tuple] = []
        self._sizes: list[int] = []  # of the blocks, in bytes

    def add(self, sale: SaleLine) -> None:
        self._block.append(tuple(sale))
        if len(self._block) == LINES_A_BLOCK:
            self.finish()

    def finish(self) -> None:
        """Write what is not written yet."""
        self._sizes.append(self._file.write(marshal.dumps(self._block)))
        self._block.clear()

    def lines(self) -> Iterator[SaleLine]:
        """Give every line that was added."""
        self._file.seek(0)
        for size in self._sizes:
            # load() would read a few bytes at a time from a file, and take ten times as long.
            yield from map(SaleLine._make, marshal.loads(self._file.read(size)))
