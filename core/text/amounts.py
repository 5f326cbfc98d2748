"""Amounts in requests."""

import re
from decimal import Decimal

# Stricter than Decimal(), which also accepts 1_0 and the digits of other scripts.
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
MAX_DECIMALS = 2


def without_zeros_past_cents(value: Decimal) -> Decimal:
    """Cut the number to two decimals if all further ones are zeros: 19.990 is 19.99 in every protocol."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent >= -MAX_DECIMALS or any(digits[exponent + MAX_DECIMALS :]):
        return value
    return Decimal((sign, digits[: exponent + MAX_DECIMALS] or (0,), -MAX_DECIMALS))
