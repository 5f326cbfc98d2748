"""What the file has of products, customers and invoices, and which cancellations."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import chain

from orders.models import MAX_TOTAL
from orders.retail.refusals import Reason, Refused
from orders.retail.screening import Trade
from orders.retail.spool import SaleLine


@dataclass(slots=True)
class Invoice:
    at: datetime  # the earliest of its lines
    customer: str = ""
    lines: int = 0
    units: int = 0
    total: Decimal = Decimal(0)

    def add(self, sale: Trade) -> Decimal:
        """Count a line in and return what it costs. Raises Refused for one that can't be of this invoice."""
        if sale.customer != self.customer and sale.customer and self.customer:
            raise Refused(Reason.TWO_CUSTOMERS)
        amount = sale.price * sale.units
        if self.total + amount > MAX_TOTAL:
            raise Refused(Reason.RANGE)
        self.total += amount
        self.customer = self.customer or sale.customer
        self.at = min(self.at, sale.at)
        self.lines += 1
        self.units += sale.units
        return amount


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

    def add(self, sale: Trade) -> None:
        if sale.at >= self.last_at:
            self.last_at, self.price = sale.at, sale.price
        elif sale.at < self.first_at:
            self.first_at = sale.at
        self.names[sale.name] += 1


@dataclass(slots=True)
class Cancellation:
    trade: Trade
    raw: list[str]


@dataclass
class Survey:
    """What the rows add up to.

    `taken` are order numbers that invoices can't have; `known_lines` says how many lines of an invoice earlier imports
    brought.
    """

    taken: Collection[str]
    known_lines: Callable[[str], int]
    rows: int = 0
    sale_lines: int = 0
    codes: dict[str, Code] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    cancellations: list[Cancellation] = field(default_factory=list)

    def add(self, sale: Trade) -> SaleLine:
        """Count in a line of an invoice, and return it as part of that. Raises Refused."""
        invoice = self.invoices.get(sale.number)
        if invoice is None:
            if sale.number in self.taken:
                raise Refused(Reason.TAKEN)
            invoice = Invoice(sale.at)
        amount = invoice.add(sale)
        self.invoices[sale.number] = invoice
        self.sale_lines += 1
        code = self.codes.get(sale.code)
        if code is None:
            code = self.codes[sale.code] = Code(sale.at, sale.at, sale.price)
        code.add(sale)
        place = invoice.lines - 1
        if place >= self.known_lines(sale.number):
            code.new_units += sale.units
        return SaleLine(sale.line, sale.number, place, sale.code, sale.name, sale.units, str(sale.price), str(amount))

    def customers(self) -> dict[str, datetime]:
        """Return the customers who bought something or sent it back, and when they first did."""
        first_at: dict[str, datetime] = {}
        buyers = ((invoice.customer, invoice.at) for invoice in self.invoices.values())
        senders = ((one.trade.customer, one.trade.at) for one in self.cancellations)
        for customer, at in chain(buyers, senders):
            if customer:
                first_at[customer] = min(at, first_at.get(customer, at))
        return first_at
