"""Detects the decimal mark of a file, and parses its prices and quantities."""

import re
from collections import Counter
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from catalog.models import MAX_PRICE
from core.validation.validators import MAX_INT32
from samples.retail.refusals import Reason, RefusedRow

# Three digits after a mark may be a group of thousands, unless the digits before the mark exclude that.
DECIMALS = re.compile(r"\s*[+-]?(?:[0-9]+([.,])(?:[0-9]{1,2}|[0-9]{4,})|(?:0|[0-9]{4,})([.,])[0-9]{3})\s*")


class DecimalMark(StrEnum):
    POINT = "point"
    COMMA = "comma"


POINTS = {DecimalMark.POINT: ".", DecimalMark.COMMA: ","}


class Amounts:
    """Parses the prices and quantities of one file, which has one decimal mark.

    The option `given` decides the mark. Without it, the majority of the texts with decimals decides; if there are none,
    the mark is the point. Texts with the other mark are refused.
    """

    def __init__(self, given: DecimalMark | None = None) -> None:
        self._given = given
        self._texts: Counter[str] = Counter()  # number of different texts with decimals, by mark
        self._is_final = given is not None
        self._read_with(given or DecimalMark.POINT)

    def __str__(self) -> str:
        return f"{self._mark} (--decimal)" if self._given else self._mark

    def settled(self) -> bool:
        """Return whether the assumed mark is right, after every text was read. If not, switch to the other mark."""
        if self._is_final or self._texts[","] <= self._texts["."]:
            return True
        self._is_final = True
        self._read_with(DecimalMark.COMMA)
        return False

    def _read_with(self, mark: DecimalMark) -> None:
        self._mark = mark
        point = re.escape(POINTS[mark])
        self._price_form = re.compile(rf"\s*[+-]?[0-9]{{1,20}}(?:{point}[0-9]{{1,20}})?\s*")
        # At most two zeros: 1.000 may mean a thousand.
        self._whole_form = re.compile(rf"\s*([+-]?[0-9]{{1,20}})(?:{point}0{{0,2}})?\s*")
        # A file repeats the same few thousand texts.
        self.price = lru_cache(maxsize=100_000)(self._price)
        self.units = lru_cache(maxsize=10_000)(self._units)

    def _price(self, text: str) -> Decimal:
        """Return an exact price. Raises RefusedRow."""
        self._note(text)
        if not self._price_form.fullmatch(text):
            raise RefusedRow(Reason.PRICE)
        amount = Decimal(text.strip().replace(",", "."))
        if amount <= 0:
            raise RefusedRow(Reason.NO_PRICE)
        if amount > MAX_PRICE:
            raise RefusedRow(Reason.RANGE)
        if amount != round(amount, 2):
            raise RefusedRow(Reason.FRACTION)
        return round(amount, 2)

    def _units(self, text: str, cancels: bool) -> int:
        """Return the number of units, always above zero; for a cancellation, of returned units. Raises RefusedRow."""
        self._note(text)
        match = self._whole_form.fullmatch(text)
        if match is None:
            raise RefusedRow(Reason.QUANTITY)
        quantity = int(match[1])
        if quantity == 0:
            raise RefusedRow(Reason.NO_UNITS)
        if cancels and quantity > 0:
            raise RefusedRow(Reason.CANCELS_NOTHING)
        if not cancels and quantity < 0:
            raise RefusedRow(Reason.NEGATIVE)
        if abs(quantity) > MAX_INT32:
            raise RefusedRow(Reason.RANGE)
        return abs(quantity)

    def _note(self, text: str) -> None:
        if match := DECIMALS.fullmatch(text):
            self._texts[match[1] or match[2]] += 1
