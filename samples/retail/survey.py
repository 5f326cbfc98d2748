"""The totals of a file by product, customer and invoice, and its cancellations."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import chain

from orders.models import MAX_TOTAL
from samples.retail.overlaps import Overlap
from samples.retail.refusals import Reason, RefusedRow
from samples.retail.screening import Trade
from samples.retail.spool import SaleLine


@dataclass(slots=True)
class Invoice:
    at: datetime  # the earliest of its lines
    customer: str = ""
    lines: int = 0
    units: int = 0
    total: Decimal = Decimal(0)

    def add(self, sale: Trade) -> Decimal:
        """Add a line and return its amount. Raises RefusedRow if the line can't belong to this invoice."""
        if sale.customer != self.customer and sale.customer and self.customer:
            raise RefusedRow(Reason.TWO_CUSTOMERS)
        amount = sale.price * sale.units
        if self.total + amount > MAX_TOTAL:
            raise RefusedRow(Reason.RANGE)
        self.total += amount
        self.customer = self.customer or sale.customer
        self.at = min(self.at, sale.at)
        self.lines += 1
        self.units += sale.units
        return amount


@dataclass(slots=True)
class Code:
    """The data of one stock code, from its sale lines."""

    first_at: datetime
    last_at: datetime
    price: Decimal  # of the latest line
    names: Counter[str] = field(default_factory=Counter)
    new_units: int = 0  # of lines that no earlier import wrote

    @property
    def name(self) -> str:
        """The most frequent description; of equally frequent ones, the first in the file."""
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
    """The totals of the rows.

    `taken` contains order numbers that invoices can't have. `known_lines` returns the number of lines that earlier
    imports wrote of an invoice. `overlaps` contains the invoices to compare with the orders of the shop line by line.
    """

    taken: Collection[str]
    known_lines: Callable[[str], int]
    overlaps: Mapping[str, Overlap]
    rows: int = 0
    sale_lines: int = 0
    codes: dict[str, Code] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    cancellations: list[Cancellation] = field(default_factory=list)

    def add(self, sale: Trade) -> SaleLine:
        """Add a line of an invoice, and return it with its position in the invoice. Raises RefusedRow."""
        invoice = self.invoices.get(sale.number)
        if invoice is None:
            if sale.number in self.taken:
                raise RefusedRow(Reason.TAKEN)
            invoice = Invoice(sale.at)
        overlap = self.overlaps.get(sale.number)
        content = (sale.code, sale.name, sale.units, str(sale.price))
        position = overlap.position_of(content) if overlap else invoice.lines
        amount = invoice.add(sale)
        self.invoices[sale.number] = invoice
        self.sale_lines += 1
        code = self.codes.get(sale.code)
        if code is None:
            code = self.codes[sale.code] = Code(sale.at, sale.at, sale.price)
        code.add(sale)
        if position >= self.known_lines(sale.number):
            code.new_units += sale.units
        return SaleLine(
            sale.line, sale.number, position, sale.code, sale.name, sale.units, str(sale.price), str(amount)
        )

    def customers(self) -> dict[str, datetime]:
        """Return each customer with a sale or a cancellation, and the time of the first one."""
        first_at: dict[str, datetime] = {}
        buyers = ((invoice.customer, invoice.at) for invoice in self.invoices.values())
        returners = ((one.trade.customer, one.trade.at) for one in self.cancellations)
        for customer, at in chain(buyers, returners):
            if customer:
                first_at[customer] = min(at, first_at.get(customer, at))
        return first_at
