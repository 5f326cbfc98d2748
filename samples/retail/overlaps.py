"""Invoices that the shop has from an earlier import, with other lines than in the file or in another order.

This happens if rows that were refused in one of the two files are correct in the other.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from orders.models import OrderItem
from samples.retail.batches import chunks
from samples.retail.known import Known
from samples.retail.refusals import Reason, RefusedRow
from samples.retail.spool import SaleLine

Content = tuple[str, str, int, str]  # stock code, description, units, price


@dataclass
class Overlap:
    """The lines of one order of the shop, to look up the lines of the file."""

    contents: Sequence[Content]
    is_closed: bool  # the file lacks lines of the order, so a line that is not in the order may be a changed one
    _positions: dict[Content, list[int]] = field(default_factory=lambda: defaultdict(list))
    _added: int = 0

    def begin(self) -> None:
        """Forget the lines found so far."""
        self._positions.clear()
        self._added = 0
        for position, content in enumerate(self.contents):
            self._positions[content].append(position)

    def position_of(self, content: Content) -> int:
        """Return the index of this line in the order; a new line gets the next index. Raises RefusedRow."""
        if self._positions[content]:
            return self._positions[content].pop(0)
        if self.is_closed:
            raise RefusedRow(Reason.OTHER_LINES)
        self._added += 1
        return len(self.contents) + self._added - 1


def find_overlaps(known: Known, numbers: Collection[str], sales: Iterable[SaleLine]) -> dict[str, Overlap]:
    """Return an Overlap for each of the invoices if its first lines differ in content or order.

    Compares as many lines as both the file and the shop have.
    """
    in_file: dict[str, array[int]] = defaultdict(lambda: array("q"))
    for sale in sales:
        if sale.number in numbers:
            in_file[sale.number].append(hash((sale.code, sale.name, sale.units, sale.price)))
    found = {}
    for number, contents in _contents(known, numbers):
        ours, theirs = array("q", map(hash, contents)), in_file[number]
        shared = min(len(ours), len(theirs))
        if ours[:shared] != theirs[:shared] and len(ours) == known.lines(number):
            found[number] = Overlap(contents, is_closed=bool(Counter(ours) - Counter(theirs)))
    return found


def _contents(known: Known, numbers: Collection[str]) -> Iterator[tuple[str, list[Content]]]:
    numbers_by_id = {known.invoices[number].order_id: number for number in numbers}
    for chunk in chunks(sorted(numbers_by_id)):
        items = OrderItem.objects.filter(order_id__in=chunk).order_by("order_id", "id")
        fields = items.values_list("order_id", "sku", "name", "quantity", "unit_price")
        for order_id, lines in groupby(fields.iterator(), itemgetter(0)):
            yield numbers_by_id[order_id], [_content(sku, name, units, price) for _, sku, name, units, price in lines]


def _content(sku: str | None, name: str, units: int, price: Decimal) -> Content:
    return (sku or "").upper(), name, units, str(price)
