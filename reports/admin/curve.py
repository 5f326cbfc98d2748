"""The curve of two periods as the points of an inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT, MARGIN = 720, 200, 4


@dataclass(frozen=True)
class Curve:
    """`points` and `before` are values of the attribute `points` of an SVG polyline."""

    points: str
    before: str
    highest: Decimal
    width: int = WIDTH
    height: int = HEIGHT


def curve_of(values: Sequence[Decimal], before: Sequence[Decimal]) -> Curve:
    """Return both series on one scale: from zero to the highest value, from the first day to the last."""
    highest = max((*values, *before), default=Decimal(0))
    steps = max(len(values), len(before), 2) - 1
    return Curve(_points(values, highest, steps), _points(before, highest, steps), highest)


def _points(values: Sequence[Decimal], highest: Decimal, steps: int) -> str:
    scale = (HEIGHT - 2 * MARGIN) / float(highest) if highest else 0.0
    points = ((MARGIN + n * (WIDTH - 2 * MARGIN) / steps, float(value)) for n, value in enumerate(values))
    return " ".join(f"{x:.1f},{HEIGHT - MARGIN - value * scale:.1f}" for x, value in points)
