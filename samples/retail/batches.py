"""Writes many rows in short transactions."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models, reset_queries, transaction

T = TypeVar("T")
KEYS_A_QUERY = 500  # SQLite may allow only 999 parameters in a statement
MOST_LINES, FIRST_LINES, FEWEST_LINES = 5_000, 2_000, 250
AIM_S = 0.15  # duration of a transaction that `resize` aims at


class Batches:
    """Runs transactions, records the longest duration, and sets the number of order lines for the next one."""

    def __init__(self, most_lines: int = MOST_LINES) -> None:
        self.lines = min(FIRST_LINES, most_lines)
        self._most_lines = most_lines
        self.count = 0
        self.longest_s = self._latest_s = 0.0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in one transaction, and measure its duration."""
        with transaction.atomic():
            begun = time.perf_counter()  # after the lock is acquired: SQLite waits for it on the line above
            yield
        self._latest_s = time.perf_counter() - begun
        self.longest_s = max(self.longest_s, self._latest_s)
        self.count += 1
        reset_queries()  # with DEBUG on, Django keeps the text of every statement

    def resize(self) -> None:
        """Set more or fewer lines for the next transaction than the latest had, so that it takes about AIM_S."""
        lines = int(self.lines * min(1.5, max(0.5, AIM_S / self._latest_s)))
        self.lines = min(max(lines, FEWEST_LINES), self._most_lines)


def chunks(things: Iterable[T], size: int = KEYS_A_QUERY) -> Iterator[list[T]]:
    """Yield lists of `size` entries; the last list may be shorter."""
    iterator = iter(things)
    while chunk := list(islice(iterator, size)):
        yield chunk


Rows = Sequence[Sequence[Any]]  # values of columns, in a form that the driver accepts


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Rows) -> None:
    """Insert rows of values by the fastest method of each database: 5 to 10 times as fast as bulk_create.

    Datetimes are in UTC, and money may be text. Database constraints apply; field validators, signals and Python
    defaults do not run, and no ids are returned.
    """
    table, columns = _quoted(model, names)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            placeholders = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({placeholders})",  # noqa: S608  # quoted
                _adapted(model, names, rows),
            )


def update_rows(model: type[models.Model], names: Sequence[str], rows: Rows) -> None:
    """Set fields of rows by id; the id is the last value of each row.

    One short statement per row: the time of bulk_update grows with the square of the number of rows.
    """
    table, columns = _quoted(model, names)
    assignments = ", ".join(f"{column} = %s" for column in columns)
    with connection.cursor() as cursor:
        key = connection.ops.quote_name(str(model._meta.pk.column))
        statement = f"UPDATE {table} SET {assignments} WHERE {key} = %s"  # noqa: S608  # quoted
        cursor.executemany(statement, _adapted(model, names, rows))


def _quoted(model: type[models.Model], names: Sequence[str]) -> tuple[str, list[str]]:
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(name) for name in names]  # each with a column
    return quote(model._meta.db_table), [quote(field.column) for field in fields]


def _adapted(model: type[models.Model], names: Sequence[str], rows: Rows) -> Rows:
    """Return the rows with datetimes in the form that the database accepts."""
    if not any(isinstance(model._meta.get_field(name), models.DateTimeField) for name in names):
        return rows
    adapt = connection.ops.adapt_datetimefield_value
    return [[adapt(value) if isinstance(value, datetime) else value for value in row] for row in rows]
