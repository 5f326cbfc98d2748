"""What a price becomes."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def changed_by_percent(price: Decimal, percent: Decimal) -> Decimal:
    """Return the exact outcome, with as many decimals as it takes."""
    return price * (100 + percent) / 100


def rounded(amount: Decimal) -> Decimal:
    """Return the amount with two decimals, a half going up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)
