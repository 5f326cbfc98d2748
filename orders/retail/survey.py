"""The first reading: what the file has of products, customers and invoices, and which cancellations."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import chain

from orders.retail.reading import Row
from orders.retail.screening import Trade


@dataclass(slots=True)
class Invoice:
    at: datetime  # the earliest of its lines
    customer: str = ""
    lines: int = 0
    units: int = 0
    total: Decimal = Decimal(0)


@dataclass(slots=True)
class Code:
    """What the sale lines of one stock code say."""

    first_at: datetime
    last_at: datetime
    price: Decimal  # of the latest line
    names: Counter[str] = field(default_factory=Counter)
    new_units: int = 0  # of lines that no earlier import brought

    @property
    def name(self) -> str:
        """The most frequent description; of several, the one that came first."""
        return self.names.most_common(1)[0][0]


@dataclass(slots=True)
class Cancellation:
    trade: Trade
    raw: list[str]


@dataclass
class Survey:
    """What the rows add up to. `known_lines` says how many lines of an invoice earlier imports brought."""

    known_lines: Callable[[str], int]
    rows: int = 0
    sale_lines: int = 0
    codes: dict[str, Code] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    cancellations: list[Cancellation] = field(default_factory=list)

    def add(self, trade: Trade, row: Row) -> None:
        if trade.cancels:
            self.cancellations.append(Cancellation(trade, row.raw))
            return
        self.sale_lines += 1
        invoice = self._invoice(trade)
        code = self._code(trade)
        if invoice.lines > self.known_lines(trade.number):
            code.new_units += trade.units

    def customers(self) -> dict[str, datetime]:
        """Return the customers who bought something or sent it back, and when they first did."""
        first_at: dict[str, datetime] = {}
        buyers = ((invoice.customer, invoice.at) for invoice in self.invoices.values())
        senders = ((one.trade.customer, one.trade.at) for one in self.cancellations)
        for customer, at in chain(buyers, senders):
            if customer:
                first_at[customer] = min(at, first_at.get(customer, at))
        return first_at

    def _invoice(self, sale: Trade) -> Invoice:
        invoice = self.invoices.get(sale.number)
        if invoice is None:
            invoice = self.invoices[sale.number] = Invoice(sale.at)
        invoice.at = min(invoice.at, sale.at)
        invoice.customer = invoice.customer or sale.customer
        invoice.lines += 1
        invoice.units += sale.units
        invoice.total += sale.amount
        return invoice

    def _code(self, sale: Trade) -> Code:
        code = self.codes.get(sale.code)
        if code is None:
            code = self.codes[sale.code] = Code(sale.at, sale.at, sale.price)
        if sale.at >= code.last_at:
            code.last_at, code.price = sale.at, sale.price
        code.first_at = min(code.first_at, sale.at)
        code.names[sale.name] += 1
        return code
