"""Prepares the database, starts the server and the browser, and prints the tables."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.compare.progress import say
from benchmarks.servers import Usage, web_server
from benchmarks.staff_tasks import __doc__ as about
from benchmarks.staff_tasks.filling import IN_CATEGORY, prepare_database
from benchmarks.staff_tasks.importing import import_everywhere
from benchmarks.staff_tasks.person import Person
from benchmarks.staff_tasks.situation import Situation, prepare_situation
from benchmarks.staff_tasks.tasks import LISTED, TASKS
from core.databases import is_postgresql
from tests.support.chromium import running_chromium

LEAST_ROWS = IN_CATEGORY + LISTED + 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=LEAST_ROWS, help=f"at least {LEAST_ROWS:,}, the default")
    parser.add_argument("--import", action="store_true", dest="imports", help="measure the import of a price list")
    options = parser.parse_args()
    if options.rows < LEAST_ROWS:
        parser.error(f"--rows is at least {LEAST_ROWS}")
    if not is_postgresql():
        sys.exit("DATABASE_URL must name a database of PostgreSQL.")
    prepare_database(options.rows)
    with TemporaryDirectory(prefix="staff-tasks-") as folder, _signed_in(Path(folder)) as (person, situation, server):
        if options.imports:
            _print_import(person, situation, options.rows, server)
        else:
            _print_tasks(person, situation, server)


@contextmanager
def _signed_in(folder: Path) -> Iterator[tuple[Person, Situation, Usage]]:
    """Yield a superuser at the dashboard of a server with one process."""
    command, settings = ["manage.py", "serve", "127.0.0.1:PORT"], {"REQUEST_LOG_DAYS": "60", "LOG_LEVEL": "INFO"}
    with (
        (folder / "server.log").open("wb") as log,
        web_server(command, os.environ["DATABASE_URL"], log, **settings) as (port, pid),
    ):
        situation = prepare_situation(f"http://127.0.0.1:{port}", folder)
        with running_chromium() as chromium, chromium.page(f"{situation.url}/admin/login/") as page:
            person = Person(page, situation.url)
            person.sign_in(situation.chief.username, situation.password)
            yield person, situation, Usage(pid)


def _print_tasks(person: Person, situation: Situation, server: Usage) -> None:
    start, rows = server.memory_mb(), []
    for task in TASKS:
        person.begin()
        title = task(person, situation)
        each = person.effort()
        say(f"{title}: {each}")
        rows.append((title, each.clicks, each.keys, f"{each.waiting_s:.1f}", f"{each.seconds:.0f}"))
    _print_table(("task", "clicks", "keys", "waiting", "seconds"), rows)
    print(f"\nMemory of the server: {start:.0f} MB at the start, {server.memory_mb():.0f} MB at the end.")


def _print_import(person: Person, situation: Situation, rows: int, server: Usage) -> None:
    person.begin()
    costs = import_everywhere(person, situation, rows, server)
    shown = [(each.step, f"{each.seconds:.1f}", *(f"{mb:.0f}" for mb in each[2:])) for each in costs]
    _print_table(("step", "seconds", "MB before", "MB at most", "MB after"), shown)


def _print_table(titles: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
