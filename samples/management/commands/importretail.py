import os
import resource
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from tqdm import tqdm

from core.origin import originating
from samples.retail.amounts import DecimalMark
from samples.retail.batches import MOST_LINES
from samples.retail.dates import DateForm, UnclearDates
from samples.retail.decoding import Encoding
from samples.retail.importing import import_retail
from samples.retail.lock import AnotherImport
from samples.retail.reading import DELIMITERS, RetailFile, UnreadableFile
from samples.retail.report import report_lines

REFUSED = Path("importretail-refused.csv")


class Command(BaseCommand):
    help = (
        "Import an Online Retail file (CSV or .csv.gz) as products, customers and orders. "
        "Importing the same file again changes nothing; if an import was killed, the next run finishes it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="CSV or .csv.gz with the headers of Online Retail")
        parser.add_argument("--limit", type=int, metavar="N", help="read the first N data rows")
        parser.add_argument(
            "--refused", type=Path, default=REFUSED, metavar="PATH", help=f"CSV for refused rows (default: {REFUSED})"
        )
        parser.add_argument(
            "--lines",
            type=int,
            default=MOST_LINES,
            metavar="N",
            help=f"maximum number of order lines per transaction (default: {MOST_LINES})",
        )
        _add_forms(parser)

    def handle(self, *args: object, file: Path, limit: int | None, refused: Path, lines: int, **options: Any) -> None:
        if (limit is not None and limit < 1) or lines < 1:
            raise CommandError("--limit and --lines must be at least 1.")
        begun = time.perf_counter()
        origin = originating(protocol="import", cause="import")
        with _as_command_errors(), Bars() as bars, origin:
            if os.path.exists(refused) and os.path.exists(file) and os.path.samefile(refused, file):
                raise CommandError(f"--refused would overwrite {file}.")
            source = RetailFile(
                file,
                limit=limit,
                encoding=options["encoding"],
                delimiter=options["delimiter"],
                on_bytes=bars.read,
            )
            summary = import_retail(
                source,
                refused_path=refused,
                date_form=options["date_format"],
                decimal_mark=options["decimal"],
                most_lines=lines,
                on_lines=bars.wrote,
            )
        took_s = time.perf_counter() - begun
        table = report_lines(summary, took_s=took_s, peak_memory_mb=_peak_memory_mb(), refused_path=refused)
        self.stdout.write("\n".join(table))


def _add_forms(parser: ArgumentParser) -> None:
    forms = parser.add_argument_group(
        "forms", "Without an option, it is detected in the file; the summary shows the result and its reason."
    )
    for option, kind, names in (
        ("--encoding", Encoding, list(Encoding)),
        ("--delimiter", str, [*DELIMITERS, *DELIMITERS.values()]),
        ("--date-format", DateForm, list(DateForm)),
        ("--decimal", DecimalMark, list(DecimalMark)),
    ):
        shown = ", ".join(name for name in names if len(name) > 1)
        forms.add_argument(option, type=_form(kind, names, shown), metavar="NAME", help=shown)


def _form(kind: type[str], names: Collection[str], shown: str) -> Callable[[str], str]:
    """Return the parser of an option. Its error names the possible values."""

    def read(name: str) -> str:
        try:
            form = kind(name)
        except ValueError:
            form = name
        if form not in names:
            raise ArgumentTypeError(f"{name!r} is not one of {shown}")
        return form

    return read


@contextmanager
def _as_command_errors() -> Iterator[None]:
    try:
        yield
    except UnreadableFile as error:
        raise CommandError(str(error)) from error
    except UnclearDates as error:
        raise CommandError(f"The date format is unclear: {error}") from error
    except AnotherImport as error:
        raise CommandError("Another import is running in this database.") from error
    except OSError as error:
        raise CommandError(f"Can't write {error.filename or 'a temporary file'}: {error.strerror}.") from error
    except Error as error:
        reason = " ".join(str(error).split())
        raise CommandError(
            f"The database refused: {reason}. Check that it is migrated, then run the import again to finish it."
        ) from error
    except KeyboardInterrupt as error:
        raise CommandError("Stopped. Run the import again to finish it.", returncode=130) from error


class Bars:
    """Progress bars on stderr if it is a terminal: first the bytes read, then the sale lines written."""

    def __init__(self) -> None:
        self._reading = tqdm(desc="Reading", unit="B", unit_scale=True, disable=None, file=sys.stderr)
        self._writing: tqdm | None = None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *exception: object) -> None:
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
    # On Linux, getrusage includes the peak inherited from the parent process; /proc has the peak of this process only.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
