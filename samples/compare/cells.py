"""The figures of one task over one protocol as the cells of a row, for the terminal and the front page."""

from samples.compare.figures import Figures
from samples.compare.situations import DISTANCE_MS, ms, size

COLUMNS = ("req.", "up", "down", "gzip", "p50", "p95", f"+{DISTANCE_MS} ms", "SQL", "server")


def cells_of(figures: Figures) -> list[str]:
    """Return the cells under COLUMNS."""
    return [
        str(figures.requests),
        size(figures.up),
        size(figures.down),
        size(figures.gzip_down),
        ms(figures.p50_ms),
        ms(figures.p95_ms),
        ms(figures.at_distance_ms(DISTANCE_MS)),
        "" if figures.statements is None else str(figures.statements),
        "" if figures.server_ms is None else ms(figures.server_ms),
    ]
