"""Rows in, trade out."""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from orders.models import MAX_TOTAL
from orders.retail import values
from orders.retail.reading import Row
from orders.retail.refusals import Reason, Refused


class Trade(NamedTuple):
    """A line of an invoice, or of a cancellation: then `units` came back."""

    line: int
    number: str
    cancels: bool
    code: str
    name: str
    units: int
    price: Decimal
    at: datetime
    customer: str  # empty for a guest

    @property
    def amount(self) -> Decimal:
        return self.price * self.units


def ignore(row: Row, reason: Reason) -> None:
    """Take note of nothing: for readings after the first."""


def trades(
    rows: Iterable[Row], *, taken: Collection[str], on_refused: Callable[[Row, Reason], object] = ignore
) -> Iterator[tuple[Trade, Row]]:
    """Give the rows that are trade, and tell `on_refused` of the others.

    Each row is judged by itself and by the rows before it, so that every reading of a file comes to the same answers.
    `taken` are order numbers that invoices can't have.
    """
    invoices = _Invoices(taken)
    for row in rows:
        try:
            trade = _understood(row)
            invoices.admit(trade)
        except Refused as refusal:
            on_refused(row, refusal.reason)
        else:
            yield trade, row


def _understood(row: Row) -> Trade:
    if row.fields is None:
        raise Refused(Reason.COLUMNS)
    number, code, name, quantity, price, moment, customer = row.fields
    invoice, cancels = values.invoice_number(number)
    return Trade(
        line=row.line,
        number=invoice,
        cancels=cancels,
        code=values.product_code(code),
        name=values.product_name(name),
        units=values.units(quantity, cancels=cancels),
        price=values.price(price),
        at=values.moment(moment),
        customer=values.customer(customer),
    )


class _Invoices:
    """What the rows so far say of each invoice: its customer and its total."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = taken
        self._customers: dict[str, str] = {}
        self._totals: dict[str, Decimal] = {}

    def admit(self, trade: Trade) -> None:
        if trade.number in self._taken:
            raise Refused(Reason.TAKEN)
        customer = self._customers.get(trade.number, "")
        if customer and trade.customer and customer != trade.customer:
            raise Refused(Reason.TWO_CUSTOMERS)
        total = self._totals.get(trade.number, Decimal(0)) + trade.amount
        if total > MAX_TOTAL:
            raise Refused(Reason.RANGE)
        self._totals[trade.number] = total
        self._customers[trade.number] = customer or trade.customer
