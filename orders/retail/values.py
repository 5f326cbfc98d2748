"""What the texts of a row mean. Every function raises Refused for a text that means nothing here.

The same few thousand texts come back all over a file, so each is understood once.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from catalog.models import MAX_PRICE
from ecommerce.validators import MAX_INT32
from orders.retail.refusals import Reason, Refused

LONDON = ZoneInfo("Europe/London")
MAX_NAME = 200
PRODUCT = re.compile(r"[0-9]{5}[A-Z]{0,2}")
# The first that fits a code that is no product's says why.
OTHER_CODES = (
    (re.compile(r"POST|DOT|C[0-9]+"), Reason.POSTAGE),
    (re.compile(r"ADJUST[0-9]*|BANK CHARGES|AMAZONFEE|CRUK|[BDMS]"), Reason.ADJUSTMENT),
    (re.compile(r"GIFT.*"), Reason.VOUCHER),
    (re.compile(r"TEST.*"), Reason.TEST),
    (re.compile(r".*", re.DOTALL), Reason.NO_PRODUCT),
)
ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
AMERICAN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{2}|[0-9]{4}) ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


@lru_cache(maxsize=10_000)
def invoice_number(text: str) -> tuple[str, bool]:
    """Return the number as it is written down, and whether it is a cancellation's."""
    number = text.strip().upper()
    if not re.fullmatch(r"C?[0-9]{1,20}", number):
        raise Refused(Reason.NO_INVOICE)
    return number, number.startswith("C")


@lru_cache(maxsize=100_000)
def product_code(text: str) -> str:
    """Return the code in capitals: codes that differ only in case are one product."""
    code = text.strip().upper()
    if not PRODUCT.fullmatch(code):
        raise Refused(next(reason for pattern, reason in OTHER_CODES if pattern.fullmatch(code)))
    return code


@lru_cache(maxsize=100_000)
def product_name(text: str) -> str:
    name = text.strip()
    if not name:
        raise Refused(Reason.NO_DESCRIPTION)
    if len(name) > MAX_NAME:
        raise Refused(Reason.LONG_DESCRIPTION)
    if re.search("[\0\ud800-\udfff]", name):
        raise Refused(Reason.UNSTORABLE)
    return name


def whole(text: str) -> int:
    """Return a quantity, negative when units came back."""
    match = re.fullmatch(r"\s*([+-]?[0-9]{1,20})(?:\.0*)?\s*", text)
    if match is None:
        raise Refused(Reason.QUANTITY)
    return int(match[1])


@lru_cache(maxsize=10_000)
def units(text: str, cancels: bool) -> int:
    """Return how many units, always above zero: of a cancellation how many came back."""
    quantity = whole(text)
    if quantity == 0:
        raise Refused(Reason.NO_UNITS)
    if cancels and quantity > 0:
        raise Refused(Reason.CANCELS_NOTHING)
    if not cancels and quantity < 0:
        raise Refused(Reason.NEGATIVE)
    if abs(quantity) > MAX_INT32:
        raise Refused(Reason.RANGE)
    return abs(quantity)


@lru_cache(maxsize=100_000)
def price(text: str) -> Decimal:
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?\s*", text):
        raise Refused(Reason.PRICE)
    amount = Decimal(text.strip())
    if amount <= 0:
        raise Refused(Reason.NO_PRICE)
    if amount > MAX_PRICE:
        raise Refused(Reason.RANGE)
    if amount != round(amount, 2):
        raise Refused(Reason.FRACTION)
    return round(amount, 2)


@lru_cache(maxsize=10_000)
def moment(text: str) -> datetime:
    """Return in UTC a time that the file gives as it was on London's clocks.

    Of an hour that comes twice in autumn it is the first; one that spring leaves out counts as if the clocks had not
    been changed yet.
    """
    try:
        return _local(text.strip()).replace(tzinfo=LONDON).astimezone(UTC)
    except ValueError as error:
        raise Refused(Reason.DATE) from error


def _local(text: str) -> datetime:
    if match := ISO.fullmatch(text):
        year, month, day, *clock = match.groups(default="0")
    elif match := AMERICAN.fullmatch(text):
        month, day, year, *clock = match.groups(default="0")
        year = f"20{year}" if len(year) == 2 else year
    else:
        raise ValueError(text)
    return datetime(int(year), int(month), int(day), *map(int, clock))


@lru_cache(maxsize=100_000)
def customer(text: str) -> str:
    """Return the customer's number, or an empty text for a guest."""
    number = text.strip()
    if not number:
        return ""
    if not re.fullmatch(r"[0-9]{1,12}(?:\.0+)?", number):
        raise Refused(Reason.CUSTOMER)
    return str(int(number.partition(".")[0]))
