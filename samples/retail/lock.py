"""The lock that allows one import at a time: two imports would count the same units twice."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

LOCK_NUMBER = 0x72657461696C  # "retail"


class AnotherImport(Exception):
    """An import is running in this database."""


@contextmanager
def import_lock() -> Iterator[None]:
    """Hold the lock while the block runs; if the process is killed, the lock is released. Raises AnotherImport."""
    lock = _lock_of_server if connection.vendor == "postgresql" else _lock_of_file
    with lock():
        yield


@contextmanager
def _lock_of_server() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_NUMBER])
        if not cursor.fetchone()[0]:
            raise AnotherImport
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_NUMBER])


@contextmanager
def _lock_of_file() -> Iterator[None]:
    # In a file next to the database: a lock inside SQLite ends with the transaction that takes it.
    database = Path(str(connection.settings_dict["NAME"]))
    with database.with_name(f"{database.name}.importretail").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnotherImport from error
        yield
