import os
import resource
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from tqdm import tqdm

from orders.retail.alone import AnotherImport
from orders.retail.batches import MOST_LINES
from orders.retail.importing import import_retail
from orders.retail.reading import RetailFile, UnreadableFile
from orders.retail.report import report

REFUSED = Path("importretail-refused.csv")


class Command(BaseCommand):
    help = (
        "Load an Online Retail file (CSV, .gz too) as products, customers and orders. "
        "Running it again changes nothing; after a kill it goes on where it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--limit", type=int, metavar="N", help="read the first N data rows")
        parser.add_argument(
            "--refused", type=Path, default=REFUSED, metavar="PATH", help=f"CSV of what is refused (default: {REFUSED})"
        )
        parser.add_argument(
            "--lines",
            type=int,
            default=MOST_LINES,
            metavar="N",
            help=f"at most so many order lines a transaction ({MOST_LINES})",
        )

    def handle(self, *args: Any, file: Path, limit: int | None, refused: Path, lines: int, **options: Any) -> None:
        if (limit is not None and limit < 1) or lines < 1:
            raise CommandError("--limit and --lines must be at least 1.")
        begun = time.perf_counter()
        with _one_line_for_each_error(), Bars() as bars:
            if os.path.exists(refused) and os.path.exists(file) and os.path.samefile(refused, file):
                raise CommandError(f"--refused would overwrite {file}.")
            source = RetailFile(file, limit=limit, on_bytes=bars.read)
            summary = import_retail(source, refused_path=refused, most_lines=lines, on_lines=bars.wrote)
        took_s = time.perf_counter() - begun
        table = report(summary, took_s=took_s, peak_memory_mb=_peak_memory_mb(), refused_path=refused)
        self.stdout.write("\n".join(table))


@contextmanager
def _one_line_for_each_error() -> Iterator[None]:
    try:
        yield
    except UnreadableFile as error:
        raise CommandError(str(error)) from error
    except AnotherImport as error:
        raise CommandError("Another import is running in this database.") from error
    except OSError as error:
        raise CommandError(f"Can't write {error.filename or 'a temporary file'}: {error.strerror}.") from error
    except Error as error:
        told = " ".join(str(error).split())
        raise CommandError(f"The database refused: {told} (is it migrated? Another run goes on from here.)") from error
    except KeyboardInterrupt as error:
        raise CommandError("Stopped; another run goes on from here.", returncode=130) from error


class Bars:
    """Progress on stderr where that is a terminal: the file's bytes read, then its sale lines written."""

    def __init__(self) -> None:
        self._reading = tqdm(desc="Reading", unit="B", unit_scale=True, disable=None, file=sys.stderr)
        self._writing: tqdm | None = None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *exception: Any) -> None:
        for bar in (self._reading, self._writing):
            if bar is not None:
                bar.close()

    def read(self, done: int, size: int) -> None:
        self._reading.total = size
        self._reading.update(done - self._reading.n)

    def wrote(self, done: int, total: int) -> None:
        if self._writing is None:
            self._reading.close()
            self._writing = tqdm(total=total, desc="Writing", unit=" lines", disable=None, file=sys.stderr)
        self._writing.update(done - self._writing.n)


def _peak_memory_mb() -> float:
    # Linux hands getrusage's figure down from the process that started this one; the one in /proc is this one's own.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
