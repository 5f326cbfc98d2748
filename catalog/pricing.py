"""Price changes and rounding."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
MIN_PERCENT, MAX_PERCENT = -100, 10_000


def changed_by_percent(price: Decimal, percent: Decimal) -> Decimal:
    """Return the exact new price, not rounded."""
    return price * (100 + percent) / 100


def rounded(amount: Decimal) -> Decimal:
    """Return the amount rounded half up to two decimals."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def percent_text(percent: Decimal) -> str:
    """Return the percentage with its sign, and without zeros at its end: +10, -2.5."""
    return f"{percent.normalize():+f}"
