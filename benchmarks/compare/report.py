"""results.md."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.compare.figures import Figure, Row, Table

SUMMARY = (
    "| operation | this shop | CPU, us | x stock | x best peer | share of bare |",
    "|---|---|---|---|---|---|",
)
DETAIL = (
    "| contestant | {unit} | spread | p50, ms | p99, ms | CPU, us | memory, MB | failed "
    "| this shop / it | CPU: it / this shop |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def number(value: float) -> str:
    """Write a figure with no more digits than it is worth: 12,345, 123, 12.3, 1.23."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def ratio(value: float | None) -> str:
    return "" if value is None else number(value)


def summary(tables: Sequence[Table]) -> Iterator[str]:
    yield from SUMMARY
    for table in tables:
        shop, peer = table.best("shop"), table.best("peer")
        if shop is None:
            continue
        cells = [table.title, f"{number(shop.median.rate)} {table.unit}", number(shop.median.cpu_us)]
        named = f"{ratio(table.ratio(peer))} ({peer.name})" if peer else ""
        cells += [ratio(table.ratio(table.best("stock"))), named, ratio(table.ratio(table.best("bare")))]
        yield f"| {' | '.join(cells)} |"


def detail(table: Table) -> Iterator[str]:
    yield f"**{table.title}**"
    yield ""
    yield DETAIL[0].format(unit=table.unit)
    yield DETAIL[1]
    for row in table.rows:
        yield f"| {' | '.join(_cells(table, row))} |"


def report(
    heading: Sequence[str], tables: Mapping[str, Sequence[Table]], failures: Mapping[str, str], notes: Sequence[str]
) -> str:
    """Return the whole document; `tables` by the title of their data set, `failures` by contestant."""
    lines = [*heading, ""]
    for title, found in tables.items():
        lines += [f"## {title}", "", *summary(found), ""]
    if failures:
        lines += ["## Not measured", "", *(f"- {name}: {reason}" for name, reason in failures.items()), ""]
    lines += ["## All figures", ""]
    for title, found in tables.items():
        lines += [f"### {title}", ""]
        for table in found:
            lines += [*detail(table), ""]
    return "\n".join([*lines, *notes]) + "\n"


def _cells(table: Table, row: Row) -> list[str]:
    figure: Figure = row.median
    name = f"**{row.name}**" if row.role == "shop" else row.name
    costs = map(number, (figure.p50_ms, figure.p99_ms, figure.cpu_us))
    memory = number(figure.memory_mb) if figure.memory_mb else ""  # pgbench is no server
    ratios = ["", ""] if row.role == "shop" else [ratio(table.ratio(row)), ratio(table.cpu_ratio(row))]
    return [name, number(figure.rate), f"{row.spread:.0%}", *costs, memory, f"{figure.failed:.0f}", *ratios]
