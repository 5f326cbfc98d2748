"""Differences between the two databases: connection settings, and how each reports an error."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection, connections
from django.db.backends.utils import CursorWrapper
from django.db.utils import ConnectionHandler

from core.django_internals import connection_of_thread

SQLITE_BUSY_TIMEOUT_S = 20
# Detect a dead host within 25 s, both while a statement is sent and while its result is awaited.
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 10, 5, 3
UNACKNOWLEDGED_MS = 20_000
TCP_OF_CLIENT = {
    "connect_timeout": 5,
    "tcp_user_timeout": UNACKNOWLEDGED_MS,
    "keepalives_idle": KEEPALIVE_IDLE_S,
    "keepalives_interval": KEEPALIVE_INTERVAL_S,
    "keepalives_count": KEEPALIVE_COUNT,
}
# With PostgreSQL's defaults, the locks of a client that has disappeared are held for two hours. To compile a search
# (jit) takes up to 40 ms, and saves less.
SETTINGS_OF_SERVER = (
    f"-c tcp_user_timeout={UNACKNOWLEDGED_MS} -c tcp_keepalives_idle={KEEPALIVE_IDLE_S}"
    f" -c tcp_keepalives_interval={KEEPALIVE_INTERVAL_S} -c tcp_keepalives_count={KEEPALIVE_COUNT}"
    " -c jit=off"
)

# Messages to clients about an outage. The log has the error itself.
READ_ONLY = "The database is read-only at the moment"
LATE = "The database does not answer in time"
CONFLICT = "Another request changed the same rows at the same time"
DOWN = "The database is unavailable"
TEXT_BY_SQLSTATE = {
    "25006": READ_ONLY,
    "25P03": LATE,  # terminated while idle in a transaction: psycopg raises InternalError
    "25P04": LATE,
    "40001": CONFLICT,
    "40P01": CONFLICT,
    "55P03": LATE,
    "57014": LATE,
}
TEXT_BY_SQLITE_CODE = {
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_BUSY: LATE,
    sqlite3.SQLITE_LOCKED: LATE,
    sqlite3.SQLITE_ERROR: None,  # a bug in one of the shop's statements
}
PRIMARY_CODE = 0xFF  # the higher bits of an SQLite error code hold details
LIMITS_OF_STATEMENTS = "54"  # class 54: one of the shop's statements is too large


def configured(
    database: dict[str, Any],
    *,
    lock_timeout_s: int,
    statement_timeout_s: int,
    sqlite_synchronous: str,
    is_pooled: bool = False,
) -> dict[str, Any]:
    """Add the settings for concurrent threads and processes to a parsed DATABASE_URL.

    `is_pooled`: it leads to PgBouncer, which gives each transaction any connection to PostgreSQL. So nothing can be set
    for a session: the timeouts are those of the role (`core.postgresql.role_timeouts`), and no statement is prepared.
    """
    database |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    options = database.setdefault("OPTIONS", {})
    if "sqlite" in database["ENGINE"]:
        database["ENGINE"] = "core.sqlite"
        options |= {
            "transaction_mode": "IMMEDIATE",  # a read that turns into a write can't wait for the lock: it fails
            "timeout": SQLITE_BUSY_TIMEOUT_S,
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={sqlite_synchronous};",
        }
    else:
        database["ENGINE"] = "core.postgresql"
        database |= {"IS_POOLED": is_pooled, "DISABLE_SERVER_SIDE_CURSORS": is_pooled}
        timeouts = f"-c lock_timeout={lock_timeout_s}s -c statement_timeout={statement_timeout_s}s"
        if not is_pooled:
            options["options"] = " ".join(filter(None, (SETTINGS_OF_SERVER, options.get("options"), timeouts)))
        database["OPTIONS"] = TCP_OF_CLIENT | options
    return database


def threads_for(database: Mapping[str, Any]) -> int:
    """Return how many threads a web process needs for a configured database, each with its own connection.

    Threads that commit at the same time share one flush of PostgreSQL's log. SQLite has one writer at a time.
    """
    return 8 if database["ENGINE"] == "core.postgresql" else 4


@contextmanager
def direct_connection() -> Iterator[None]:
    """Let this thread's connection bypass PgBouncer while the block runs, if DATABASE_DIRECT_URL is set."""
    if settings.DIRECT_DATABASE is None:
        yield
        return
    pooled, direct = connections["default"], ConnectionHandler({"default": settings.DIRECT_DATABASE})["default"]
    connections["default"] = direct
    try:
        yield
    finally:
        direct.close()
        connections["default"] = pooled


def sqlstate(error: Error) -> str:
    """Return PostgreSQL's five-character code of an error, or an empty text."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""


def is_lock_timeout(error: DatabaseError) -> bool:
    """Whether another transaction held a lock for longer than the lock timeout."""
    return sqlstate(error) == "55P03" or "database is locked" in str(error)


def is_writable() -> bool:
    """Whether the database accepts writes now; a replica or a demoted primary does not."""
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.execute("SHOW transaction_read_only")
            return bool(cursor.fetchone() == ("off",))
        if connection.in_atomic_block:
            return True  # SQLite's transactions start with BEGIN IMMEDIATE, which a read-only database refuses
        return _takes_writes(cursor)


def _takes_writes(cursor: CursorWrapper) -> bool:
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            cursor.execute("PRAGMA user_version = 0")  # BEGIN alone succeeds on some read-only files
        finally:
            cursor.execute("ROLLBACK")
    except DatabaseError as error:
        if is_lock_timeout(error):
            return True  # another connection is writing
        if "readonly database" in str(error):
            return False
        raise
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_S * 1000}")
    return True


def outage(error: Error) -> str | None:
    """Return the message to clients if the error means that the database can't serve; else None."""
    state, cause = sqlstate(error), error.__cause__
    if state in TEXT_BY_SQLSTATE:
        return TEXT_BY_SQLSTATE[state]
    if not isinstance(error, OperationalError | InterfaceError) or state.startswith(LIMITS_OF_STATEMENTS):
        return None
    if isinstance(cause, sqlite3.Error):
        return TEXT_BY_SQLITE_CODE.get(getattr(cause, "sqlite_errorcode", 0) & PRIMARY_CODE, DOWN)
    return DOWN


def violated_constraint(error: DatabaseError) -> str:
    """Return the name of the violated constraint; on SQLite, a text that contains its name or its columns."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return (diagnosis.constraint_name or "") if diagnosis is not None else str(error)


def is_postgresql() -> bool:
    return bool(connection_of_thread().vendor == "postgresql")
