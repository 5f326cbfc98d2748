"""`manage.py compare`: REST, GraphQL and gRPC on the same tasks, measured on this machine."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from samples.compare.clients import RequestFailed
from samples.compare.figures import Comparison
from samples.compare.measuring import measured, runs_in
from samples.compare.shop import NoShop, fresh_shop
from samples.compare.store import COMMITTED, own_path, save, write_into
from samples.compare.tables import report_of
from samples.compare.tasks import TASKS, Task


class Command(BaseCommand):
    help = (
        "Measures the same tasks over REST, GraphQL, gRPC-Web and gRPC. It starts a shop of its own with the demo data "
        "and deletes it afterwards; your database is not used. The front page shows the figures."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        slugs = [task.slug for task in TASKS]
        parser.add_argument("--task", action="append", choices=slugs, help="only this task; may be repeated")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")
        parser.add_argument("--html", type=Path, metavar="FILE", help="write the tables as an HTML page too")
        parser.add_argument(
            "--reference", action="store_true", help="also replace the figures in the source and in README.md"
        )

    def handle(self, *args: object, **options: Any) -> None:
        tasks = [task for task in TASKS if not options["task"] or task.slug in options["task"]]
        try:
            comparison = self._measured(tasks)
        except (NoShop, RequestFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Nothing was saved.", returncode=130) from None
        if not options["task"]:
            self._save(comparison, is_reference=options["reference"])
        self._print(comparison, options)

    def _measured(self, tasks: list[Task]) -> Comparison:
        with _progress(tasks) as on_run, fresh_shop() as shop:
            return measured(shop, tasks, on_run)

    def _save(self, comparison: Comparison, *, is_reference: bool) -> None:
        try:
            save(comparison, own_path())
            if is_reference:
                save(comparison, COMMITTED)
                write_into(settings.BASE_DIR / "README.md", comparison)
        except OSError as error:
            self.stderr.write(f"The figures were not saved: {error.filename}: {error.strerror}.")

    def _print(self, comparison: Comparison, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(comparison.as_json(), indent=1))
            return
        console = Console(file=sys.stdout, record=options["html"] is not None)
        console.print(report_of(comparison))
        if options["html"]:
            options["html"].write_text(console.export_html(), encoding="utf-8")


@contextmanager
def _progress(tasks: list[Task]) -> Iterator[Callable[[Task], None]]:
    """Show a bar on stderr if it is a terminal; yield the function that moves it by one run."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("Starting a shop", total=sum(map(runs_in, tasks)))

        def on_run(task: Task) -> None:
            progress.update(bar, description=task.title, advance=1)

        yield on_run
