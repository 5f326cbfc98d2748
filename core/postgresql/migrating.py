"""The timeouts of a migration: short for locks, none for statements."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection


@contextmanager
def timeouts_of_migration() -> Iterator[None]:
    """Let this thread's connection wait for a lock for MIGRATE_LOCK_TIMEOUT_S, and run statements without a limit.

    A statement that waits for an exclusive lock stops every later request for the table, so it must not wait for long.
    Once it has the lock, it must not be stopped: an index of a large table takes longer than STATEMENT_TIMEOUT_S.
    Inside a transaction the timeouts stay as they are.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{settings.MIGRATE_LOCK_TIMEOUT_S}s"])
        cursor.execute("SET statement_timeout = 0")
    connection.connection.timeout_s = 0
    try:
        yield
    finally:
        connection.close()  # the next one has the ordinary timeouts
