"""Price changes and rounding."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def changed_by_percent(price: Decimal, percent: Decimal) -> Decimal:
    """Return the exact new price, not rounded."""
    return price * (100 + percent) / 100


def rounded(amount: Decimal) -> Decimal:
    """Return the amount rounded half up to two decimals."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)
