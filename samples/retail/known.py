"""The data of earlier imports, including an unfinished import of the same file."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from orders.models import Order, OrderItem, RetailInvoice, ReturnedUnits
from samples.retail.batches import chunks

Line = tuple[str, int]  # an invoice number, and the index of a line in it, from 0
Cancelled = tuple[str, str]  # the number of a cancellation, and a stock code


class KnownInvoice(NamedTuple):
    order_id: int
    user_id: int | None
    lines: int


@dataclass
class Known:
    invoices: dict[str, KnownInvoice] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # numbers of orders that were not imported
    returned: dict[Cancelled, dict[Line, int]] = field(default_factory=lambda: defaultdict(dict))  # -> units

    @classmethod
    def load(cls) -> "Known":
        known = cls()
        imported = RetailInvoice.objects.values_list("order__number", "order_id", "order__user_id", "lines")
        for number, *rest in imported.iterator():
            known.invoices[number] = KnownInvoice(*rest)
        others = Order.objects.filter(retail_invoice=None, number__regex=r"^[0-9]+$")
        known.taken.update(others.values_list("number", flat=True))
        known._load_returns()
        return known

    def lines(self, number: str) -> int:
        invoice = self.invoices.get(number)
        return invoice.lines if invoice else 0

    def units_returned(self, cancelled: Cancelled, line: Line) -> int:
        return self.returned.get(cancelled, {}).get(line, 0)

    def _load_returns(self) -> None:
        numbers = {invoice.order_id: number for number, invoice in self.invoices.items()}
        returns = ReturnedUnits.objects.values_list("item__order_id", "item_id", "item__sku", "reference", "units")
        for chunk in chunks(returns.order_by("item_id").iterator(), 2_000):
            positions = positions_of_items({order_id for order_id, *_ in chunk})
            for order_id, item_id, code, reference, units in chunk:
                # Imported lines have a code.
                self.returned[reference, code][numbers[order_id], positions[item_id]] = units  # type: ignore[index]


def positions_of_items(order_ids: Collection[int]) -> dict[int, int]:
    """Return the index of each line in its order, by the id of the line."""
    return {item_id: position for items in items_of(order_ids).values() for position, item_id in enumerate(items)}


def items_of(order_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the line ids of each order, ascending."""
    items: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(sorted(order_ids)):
        pairs = OrderItem.objects.filter(order_id__in=chunk).order_by("order_id", "id")
        for order_id, item_id in pairs.values_list("order_id", "id").iterator():
            items[order_id].append(item_id)
    return items


class OlderSale(NamedTuple):
    line: Line
    user_id: int
    at: datetime
    code: str
    units: int
    price: Decimal


def older_sales(known: Known, *, elsewhere: Collection[str], user_ids: Collection[int]) -> Iterator[OlderSale]:
    """Yield the sales of earlier imports to these users, except on the invoices in `elsewhere`."""
    wanted = {
        invoice.order_id: number
        for number, invoice in known.invoices.items()
        if invoice.user_id in user_ids and number not in elsewhere
    }
    fields = ("order_id", "order__user_id", "order__created_at", "sku", "quantity", "unit_price")
    for chunk in chunks(sorted(wanted)):
        items = OrderItem.objects.filter(order_id__in=chunk).order_by("order_id", "id").values_list(*fields)
        for order_id, lines in groupby(items.iterator(), itemgetter(0)):
            for position, (_, user_id, at, sku, units, price) in enumerate(lines):
                yield OlderSale((wanted[order_id], position), user_id, at, (sku or "").upper(), units, price)
