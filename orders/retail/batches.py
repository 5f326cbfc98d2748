"""Writing many rows, in transactions that are short."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models, reset_queries, transaction

T = TypeVar("T")
KEYS_A_QUERY = 500  # SQLite takes 999 parameters a statement
MOST_LINES, FIRST_LINES, FEWEST_LINES = 5_000, 2_000, 250
AIM_S = 0.15


class Batches:
    """Transactions, how long the longest was, and how many order lines the next one should have."""

    def __init__(self, most_lines: int = MOST_LINES) -> None:
        self.lines = min(FIRST_LINES, most_lines)
        self._most_lines = most_lines
        self.count = 0
        self.longest_s = self._latest_s = 0.0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do the block in one transaction."""
        with transaction.atomic():
            begun = time.perf_counter()  # once it holds its lock: SQLite waits for that on the line above
            yield
        self._latest_s = time.perf_counter() - begun
        self.longest_s = max(self.longest_s, self._latest_s)
        self.count += 1
        reset_queries()  # with DEBUG on, Django keeps the text of every statement

    def resize(self) -> None:
        """Give the next transaction more or fewer lines than the latest had, to take as long as it should."""
        lines = int(self.lines * min(1.5, max(0.5, AIM_S / self._latest_s)))
        self.lines = min(max(lines, FEWEST_LINES), self._most_lines)


def chunks(things: Iterable[T], size: int = KEYS_A_QUERY) -> Iterator[list[T]]:
    """Give the things in lists of `size`, the last one shorter."""
    iterator = iter(things)
    while chunk := list(islice(iterator, size)):
        yield chunk


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of values by the fastest way each database has: 5 to 10 times as fast as bulk_create.

    Moments are in UTC, and money may be text. The constraints hold as ever; field rules, signals and Python's defaults
    do not run, and no ids come back.
    """
    table, columns = _quoted(model, names)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", _adapted(model, names, rows)
            )


def update_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Set fields of rows by id; each row of values ends in its id.

    One short statement a row: the time that bulk_update takes grows with the square of the rows.
    """
    table, columns = _quoted(model, names)
    settings = ", ".join(f"{column} = %s" for column in columns)
    with connection.cursor() as cursor:
        key = connection.ops.quote_name(model._meta.pk.column)
        cursor.executemany(f"UPDATE {table} SET {settings} WHERE {key} = %s", _adapted(model, names, rows))


def _quoted(model: type[models.Model], names: Sequence[str]) -> tuple[str, list[str]]:
    quote = connection.ops.quote_name
    return quote(model._meta.db_table), [quote(model._meta.get_field(name).column) for name in names]


def _adapted(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Return the rows with moments as the database takes them."""
    if not any(isinstance(model._meta.get_field(name), models.DateTimeField) for name in names):
        return rows
    adapt = connection.ops.adapt_datetimefield_value
    return [[adapt(value) if isinstance(value, datetime) else value for value in row] for row in rows]
