"""From measured rounds to medians and ratios."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One round of one contestant."""

    rate: float  # requests, or rows, a second
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server, for each request or row
    memory_mb: float
    failed: float


class Row(NamedTuple):
    """One contestant in one operation."""

    name: str
    role: str
    rounds: Sequence[Figure]

    @property
    def median(self) -> Figure:
        return Figure(*(statistics.median(column) for column in zip(*self.rounds, strict=True)))

    @property
    def spread(self) -> float:
        """Return (best - worst) / median of the rates."""
        rates = [figure.rate for figure in self.rounds]
        return (max(rates) - min(rates)) / self.median.rate


class Table(NamedTuple):
    """One operation with all its contestants."""

    title: str
    unit: str
    rows: Sequence[Row]

    def best(self, role: str) -> Row | None:
        """Return the fastest contestant of a role, or None if it has none."""
        return max((row for row in self.rows if row.role == role), key=lambda row: row.median.rate, default=None)

    def ratio(self, row: Row | None) -> float | None:
        """Return how many times as fast as this contestant the shop is, or None if one of them is missing."""
        shop = self.best("shop")
        return shop.median.rate / row.median.rate if shop and row else None

    def cpu_ratio(self, row: Row) -> float | None:
        """Return how many times the CPU time of the shop this contestant spends, or None without a shop."""
        shop = self.best("shop")
        return row.median.cpu_us / shop.median.cpu_us if shop else None
