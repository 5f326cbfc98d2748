"""Rows in, trade out."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

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


def trade_of(row: Row) -> Trade:
    """Return what a row says by itself. Raises Refused with the first reason that applies."""
    if row.fields is None:
        raise Refused(Reason.COLUMNS)
    number, code, name, quantity, price, moment, customer = row.fields
    invoice, cancels = values.invoice_number(number)
    return Trade(
        row.line,
        invoice,
        cancels,
        values.product_code(code),
        values.product_name(name),
        values.units(quantity, cancels),
        values.price(price),
        values.moment(moment),
        values.customer(customer),
    )
