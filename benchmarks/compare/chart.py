"""results.svg: one group of bars for each operation, readable on light and on dark pages."""

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.compare.figures import Row, Table
from benchmarks.compare.report import number

ROLES = {
    "shop": "this shop",
    "peer": "fastest peer",
    "stock": "stock DRF, graphene-django, djangogrpcframework",
    "bare": "no framework",
}
WIDTH, LEFT, LONGEST = 980, 240, 390
BAR, GAP, HEAD, TOP = 14, 4, 26, 88
COLUMNS = {"p50, ms": 800, "p99, ms": 858, "CPU, us": 916, "MB": 972}
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .end { text-anchor: end }
.shop { fill: #0969da } .peer { fill: #bc4c00 } .stock { fill: #6e7781 } .bare { fill: #b6bdc6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .shop { fill: #58a6ff } .peer { fill: #f0883e } .stock { fill: #8b949e } .bare { fill: #484f58 }
}
"""


def shown(table: Table) -> list[Row]:
    """Return the bars of a group: the fastest contestant of each role."""
    return [row for role in ROLES if (row := table.best(role))]


def chart(title: str, tables: Sequence[Table], note: str = "") -> str:
    """Return the SVG document."""
    bars, y = [], TOP
    for table in tables:
        bars += list(_group(table, y))
        y += HEAD + len(shown(table)) * (BAR + GAP)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">'
    named = f"<title>{escape(title)}</title>\n{_text(8, 20, title, 'title')}"
    return "\n".join([head, f"<style>{STYLE}</style>", named, *_legend(note), *bars, "</svg>"]) + "\n"


def _legend(note: str) -> Iterator[str]:
    yield _text(8, 40, f"Longer is faster; 4.0 x: this shop is 4.0 times as fast. {note}".strip())
    left = 8
    for role, meaning in ROLES.items():
        yield f'<rect class="{role}" x="{left}" y="50" width="12" height="12" rx="2"/>'
        yield _text(left + 18, 60, meaning)
        left += 40 + 7 * len(meaning)
    for name, right in COLUMNS.items():
        yield _text(right, TOP - 6, name, "end")


def _group(table: Table, y: int) -> Iterator[str]:
    rows = shown(table)
    most = max((row.median.rate for row in rows), default=1)
    yield _text(8, y + 4, f"{table.title}, {table.unit}", "title")
    for place, row in enumerate(rows):
        yield from _bar(table, row, most, y + 10 + place * (BAR + GAP))


def _bar(table: Table, row: Row, most: float, top: int) -> Iterator[str]:
    figure, faster, line = row.median, table.ratio(row), top + 11
    width = max(1, round(figure.rate / most * LONGEST))
    label = number(figure.rate) + (f" ({number(faster)} x)" if faster and row.role != "shop" else "")
    yield _text(LEFT - 8, line, row.name, "end")
    yield f'<rect class="{row.role}" x="{LEFT}" y="{top}" width="{width}" height="{BAR}" rx="2"/>'
    yield _text(LEFT + width + 6, line, label)
    costs = (figure.p50_ms, figure.p99_ms, figure.cpu_us, figure.memory_mb)
    for right, cost in zip(COLUMNS.values(), costs, strict=True):
        yield _text(right, line, number(cost), "end")


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x}" y="{y}">{escape(text)}</text>'
