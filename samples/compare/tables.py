"""A comparison as tables for a terminal."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from samples.compare.cells import COLUMNS, cells_of
from samples.compare.figures import LABELS, Comparison
from samples.compare.situations import DISTANCE_MS, ByProtocol, rows_of, verdict_of
from samples.compare.tasks import TASKS

LEGEND = (
    "req.: requests; up, down: bytes of one run with headers; gzip: the bodies received, if compressed (computed); "
    f"+{DISTANCE_MS} ms: p50 if each round trip took that much longer (computed); SQL, server: by Server-Timing."
)


def report_of(comparison: Comparison) -> Group:
    return Group(*_parts(comparison))


def _parts(comparison: Comparison) -> Iterator[Table | Text]:
    yield Text(f"{comparison.machine}; {comparison.runs_each} runs")
    yield Text(LEGEND, style="dim")
    for task in TASKS:
        if figures := comparison.tasks.get(task.slug):
            yield _task_table(task.title, figures)
            yield Text(verdict_of(figures), style="italic")
    yield _situation_table(comparison)


def _task_table(title: str, figures: ByProtocol) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", no_wrap=True, min_width=8)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for name, each in figures.items():
        table.add_row(LABELS[name], *cells_of(each))
    return table


def _situation_table(comparison: Comparison) -> Table:
    table = Table(title="When to use each", title_justify="left", title_style="bold", show_lines=True)
    for name in ("your situation", "use", "by how much"):
        table.add_column(name)
    for row in rows_of(comparison):
        table.add_row(row["case"], row["use"], row["by"])
    return table
