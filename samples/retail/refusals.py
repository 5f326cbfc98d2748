"""The reasons why rows are refused, and the CSV of refused rows."""

import csv
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Self


class Reason(StrEnum):
    """Why a row is refused. A row gets the first reason that applies, in this order."""

    LONG_ROW = "row over 100,000 characters (only its start is listed)"
    ENCODING = "bytes that are invalid in the file's encoding"
    UNCLOSED_QUOTE = "unclosed quote"
    MISPLACED_QUOTE = "text after a closing quote"
    COLUMNS = "wrong number of columns"
    NO_INVOICE = "neither an invoice nor a cancellation"
    POSTAGE = "postage or carriage"
    ADJUSTMENT = "fee, discount or adjustment"
    VOUCHER = "gift voucher"
    TEST = "test code"
    NO_PRODUCT = "not a product's code"
    NO_DESCRIPTION = "no description"
    LONG_DESCRIPTION = "description over 200 characters"
    UNSTORABLE = "description with characters that databases can't store"
    QUANTITY = "quantity is not a whole number"
    NO_UNITS = "quantity is zero"
    CANCELS_NOTHING = "cancellation of a positive quantity"
    NEGATIVE = "negative quantity without a cancellation"
    PRICE = "price is not a number"
    NO_PRICE = "price is not above zero"
    FRACTION = "price with fractions of a penny"
    RANGE = "quantity, price or total out of range"
    DATE = "date is not valid in the date format of the file"
    CUSTOMER = "customer is not a number"
    TWO_CUSTOMERS = "customer differs from the rest of the invoice"
    TAKEN = "invoice has the number of an order that was not imported"
    OTHER_LINES = "line is not in the order of an earlier import"
    CANCELS_FOR_GUEST = "cancellation without a customer"
    CANCELS_NO_SALE = "cancellation without an earlier sale"
    CANCELS_AGAIN = "cancellation of units that are already returned"
    CANCELS_TOO_MUCH = "cancellation of more units than remained (the excess)"


# Reasons for real cancellations that match no sale known to the shop, or return more units than the shop knows.
OF_CANCELLATIONS = [Reason.CANCELS_FOR_GUEST, Reason.CANCELS_NO_SALE, Reason.CANCELS_AGAIN, Reason.CANCELS_TOO_MUCH]


class RefusedRow(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedRows:
    """The CSV of refused rows, with a count for each reason. Raises OSError if it can't be written."""

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.counts: Counter[Reason] = Counter()
        self._headers = headers
        self._file = path.open("w", encoding="utf-8", errors="surrogates in hex", newline="")
        self.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def begin(self) -> None:
        """Discard the rows written so far."""
        self._file.seek(0)
        self._file.truncate()
        self.counts.clear()
        self._csv = csv.writer(self._file)
        self._csv.writerow(["line", "reason", *self._headers])

    def add(self, line: int, reason: Reason, raw: Sequence[str]) -> None:
        self._csv.writerow([line, reason.value, *raw])
        self.counts[reason] += 1
