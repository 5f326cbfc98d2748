"""Parses texts that have the same meaning in every file. Every function raises RefusedRow if the text is not valid.

A file repeats the same few thousand texts, so each is parsed once.
"""

import re
from functools import lru_cache

from samples.retail.refusals import Reason, RefusedRow

MAX_NAME = 200
PRODUCT = re.compile(r"[0-9]{5}[A-Z]{0,2}")
# If a code is not a product's code, the first pattern that matches gives the reason.
OTHER_CODES = (
    (re.compile(r"POST|DOT|C[0-9]+"), Reason.POSTAGE),
    (re.compile(r"ADJUST[0-9]*|BANK CHARGES|AMAZONFEE|CRUK|[BDMS]"), Reason.ADJUSTMENT),
    (re.compile(r"GIFT.*"), Reason.VOUCHER),
    (re.compile(r"TEST.*"), Reason.TEST),
    (re.compile(r".*", re.DOTALL), Reason.NO_PRODUCT),
)


@lru_cache(maxsize=10_000)
def invoice_number(text: str) -> tuple[str, bool]:
    """Return the number in its stored form, and whether it is the number of a cancellation."""
    number = text.strip().upper()
    if not re.fullmatch(r"C?[0-9]{1,20}", number):
        raise RefusedRow(Reason.NO_INVOICE)
    return number, number.startswith("C")


@lru_cache(maxsize=100_000)
def product_code(text: str) -> str:
    """Return the code in capitals: codes that differ only in case are one product."""
    code = text.strip().upper()
    if not PRODUCT.fullmatch(code):
        raise RefusedRow(next(reason for pattern, reason in OTHER_CODES if pattern.fullmatch(code)))
    return code


@lru_cache(maxsize=100_000)
def product_name(text: str) -> str:
    name = text.strip()
    if not name:
        raise RefusedRow(Reason.NO_DESCRIPTION)
    if len(name) > MAX_NAME:
        raise RefusedRow(Reason.LONG_DESCRIPTION)
    if re.search("[\0\ud800-\udfff]", name):
        raise RefusedRow(Reason.UNSTORABLE)
    return name


@lru_cache(maxsize=100_000)
def customer(text: str) -> str:
    """Return the customer's number, or an empty text for a guest."""
    number = text.strip()
    if not number:
        return ""
    if not re.fullmatch(r"[0-9]{1,12}(?:[.,]0{1,2})?", number):
        raise RefusedRow(Reason.CUSTOMER)
    return str(int(re.split("[.,]", number)[0]))
