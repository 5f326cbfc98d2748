"""Converts rows to trade, or refuses them."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from samples.retail import values
from samples.retail.amounts import Amounts
from samples.retail.dates import Dates
from samples.retail.records import RetailRow
from samples.retail.refusals import RefusedRow


class Trade(NamedTuple):
    """A line of an invoice, or of a cancellation, which returns `units`."""

    line: int
    number: str
    cancels: bool
    code: str
    name: str
    units: int
    price: Decimal
    at: datetime
    customer: str  # empty for a guest


class Screen:
    """Checks the rows of one file, with its date form and its decimal mark."""

    def __init__(self, dates: Dates, amounts: Amounts) -> None:
        self.dates, self.amounts = dates, amounts

    def trade_of(self, row: RetailRow) -> Trade:
        """Parse a row without regard to other rows. Raises RefusedRow with the first reason that applies."""
        if row.fault is not None:
            raise RefusedRow(row.fault)
        number, code, name, quantity, price, moment, customer = row.fields
        invoice, cancels = values.invoice_number(number)
        return Trade(
            row.line,
            invoice,
            cancels,
            values.product_code(code),
            values.product_name(name),
            self.amounts.units(quantity, cancels),
            self.amounts.price(price),
            self.dates.moment(moment),
            values.customer(customer),
        )
