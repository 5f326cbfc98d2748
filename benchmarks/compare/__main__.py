"""The shop beside other frameworks, bare servers and PostgreSQL alone: writes results.md and results.svg.

    DATABASE_URL=postgres://... RETAIL_FILE=online_retail.csv.gz python -m benchmarks.compare [--quick]

Needs wrk, h2load and pgbench (Debian: wrk, nghttp2-client, postgresql-client) and two processors. All contestants of a
group (REST, GraphQL, gRPC) are up at once, each on the first processor; the load and PostgreSQL are on the second.
"""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import benchmarks.servers  # noqa: F401  # configures Django, which the modules below need

# isort: split
from benchmarks.compare.agreement import Truth, check_databases
from benchmarks.compare.chart import chart
from benchmarks.compare.databases import DataSet, prepared
from benchmarks.compare.dialects import PeerDialect, ShopDialect
from benchmarks.compare.machine import BUSY, NOTES, heading, is_busy
from benchmarks.compare.measuring import Group, Measured, Plan
from benchmarks.compare.operations import GROUPS, operations_in
from benchmarks.compare.progress import say
from benchmarks.compare.report import report

PLACE = Path(__file__).resolve().parents[1]
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "pgbench": "postgresql-client", "taskset": "util-linux"}


def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s in place of 5 of 3 s")
    parser.add_argument("--rounds", type=int, help="rounds after the warm-up")
    parser.add_argument("--only", default=",".join(GROUPS), metavar="NAMES", help="groups or operations, with commas")
    parser.add_argument("--million", action="store_true", help="also with 1,000,000 products")
    parser.add_argument("--sqlite", action="store_true", help="also on SQLite: detail, list, order")
    parser.add_argument("--retail", default=os.environ.get("RETAIL_FILE"), metavar="FILE", help="Online Retail file")
    parser.add_argument("--to", type=Path, default=PLACE, metavar="FOLDER", help=f"of the results (default: {PLACE})")
    options = parser.parse_args(arguments)
    try:
        options.operations = operations_in(options.only.split(","))
    except ValueError as error:
        parser.error(f"--only: {error}")
    if missing := [f"{tool} (Debian: {package})" for tool, package in TOOLS.items() if not shutil.which(tool)]:
        parser.error(f"not installed: {', '.join(missing)}")
    return options


def data_sets(options: argparse.Namespace, server_url: str) -> Iterator[DataSet]:
    if server_url:
        if options.retail:
            yield DataSet("year", "A year of real trade, PostgreSQL", retail_file=Path(options.retail))
        else:
            say("no --retail and no RETAIL_FILE: the year of real trade is left out")
        yield DataSet("10k", "10,000 generated products, PostgreSQL", products=10_000)
        if options.million:
            yield DataSet("1m", "1,000,000 generated products, PostgreSQL", products=1_000_000)
    else:
        say("DATABASE_URL names no PostgreSQL server: only SQLite is measured")
    if options.sqlite or not server_url:
        yield DataSet("sqlite", "10,000 generated products, SQLite", products=10_000, on_sqlite=True)


def measure(data: DataSet, server_url: str, plan: Plan, measured: Measured) -> None:
    with TemporaryDirectory() as name, prepared(data, server_url, Path(name)) as databases:
        shop, peers = Truth(databases.shop, ShopDialect.tables), Truth(databases.peers, PeerDialect.tables)
        check_databases(shop, peers)
        for group in GROUPS:
            Group(data, databases, plan, measured, Path(name)).measure(group)


def write(folder: Path, plan: Plan, measured: Measured, load: float) -> None:
    """Write what is measured so far: after each data set, so that a failure in the next one loses nothing."""
    tables = measured.tables()
    rounds = f"{plan.rounds} rounds of {plan.seconds} s"
    lines = heading(sys.argv[1:], rounds, load, is_postgresql_placed=measured.is_postgresql_placed)
    (folder / "results.md").write_text(report(lines, tables, measured.failures, NOTES))
    if tables:
        title = next((title for title in tables if "10,000" in title), "") or next(iter(tables))
        (folder / "results.svg").write_text(
            chart(f"{title}: one worker on one processor", tables[title], BUSY if is_busy(load) else "")
        )
    say(f"wrote results.md and results.svg in {folder}")


def main() -> None:
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and databases are removed on the way out
    url = os.environ.get("DATABASE_URL", "")
    server_url = "" if url.startswith("sqlite") else url
    plan = Plan(options.rounds or (2 if options.quick else 5), 2 if options.quick else 3, options.operations)
    measured, began_at_load = Measured(), os.getloadavg()[0]
    options.to.mkdir(parents=True, exist_ok=True)
    for data in data_sets(options, server_url):
        measure(data, server_url, plan, measured)
        write(options.to, plan, measured, began_at_load)


if __name__ == "__main__":
    main()
