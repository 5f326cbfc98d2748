"""Which rows are no trade, why, and where that is written down."""

import csv
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


class Reason(StrEnum):
    """Why a row is refused. A row gets the first that applies, in this order."""

    COLUMNS = "wrong number of columns"
    NO_INVOICE = "neither an invoice nor a cancellation"
    POSTAGE = "postage or carriage"
    ADJUSTMENT = "fee, discount or adjustment"
    VOUCHER = "gift voucher"
    TEST = "test code"
    NO_PRODUCT = "not a product's code"
    NO_DESCRIPTION = "no description"
    LONG_DESCRIPTION = "description over 200 characters"
    UNSTORABLE = "description with characters that no database stores"
    QUANTITY = "quantity is no whole number"
    NO_UNITS = "quantity is zero"
    CANCELS_NOTHING = "cancellation of a positive quantity"
    NEGATIVE = "negative quantity without a cancellation"
    PRICE = "price is no number"
    NO_PRICE = "price is not above zero"
    FRACTION = "price with fractions of a penny"
    RANGE = "quantity, price or total out of range"
    DATE = "date is none"
    CUSTOMER = "customer is no number"
    TWO_CUSTOMERS = "another customer than the rest of the invoice"
    TAKEN = "number of an order that was not imported"
    CANCELS_FOR_GUEST = "cancellation without a customer"
    CANCELS_NO_SALE = "cancellation without an earlier sale"
    CANCELS_AGAIN = "cancellation of units that are back already"
    CANCELS_TOO_MUCH = "cancellation of more units than were left: the rest"


# Those of cancellations that are trade, but that reverse nothing the shop knows of, or more than it knows of.
OF_CANCELLATIONS = [Reason.CANCELS_FOR_GUEST, Reason.CANCELS_NO_SALE, Reason.CANCELS_AGAIN, Reason.CANCELS_TOO_MUCH]


class Refused(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedRows:
    """The CSV of refused rows, and how many there are for each reason. Raises OSError when it can't be written."""

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.counts: Counter[Reason] = Counter()
        self._headers = headers
        self._file = path.open("w", encoding="utf-8", newline="")
        self.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._file.close()

    def begin(self) -> None:
        """Forget what was written."""
        self._file.seek(0)
        self._file.truncate()
        self.counts.clear()
        self._csv = csv.writer(self._file)
        self._csv.writerow(["line", "reason", *self._headers])

    def add(self, line: int, reason: Reason, raw: Sequence[str]) -> None:
        self._csv.writerow([line, reason.value, *raw])
        self.counts[reason] += 1
