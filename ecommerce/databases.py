"""What the two databases do differently: connection settings, and how each says that it refused."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

SQLITE_BUSY_TIMEOUT_S = 20


def configured(
    database: dict[str, Any], *, lock_timeout_s: int, statement_timeout_s: int, sqlite_synchronous: str
) -> dict[str, Any]:
    """Add to a parsed DATABASE_URL what many threads and processes at once need."""
    if not any(kind in database.get("ENGINE", "") for kind in ("sqlite", "postgresql")):
        raise ImproperlyConfigured("DATABASE_URL names neither an SQLite file nor a PostgreSQL database.")
    database |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    options = database.setdefault("OPTIONS", {})
    if "sqlite" in database["ENGINE"]:
        database["ENGINE"] = "ecommerce.sqlite"
        options |= {
            "transaction_mode": "IMMEDIATE",  # a read that turns into a write can't wait for the lock: it fails
            "timeout": SQLITE_BUSY_TIMEOUT_S,
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={sqlite_synchronous};",
        }
    else:
        timeouts = f"-c lock_timeout={lock_timeout_s}s -c statement_timeout={statement_timeout_s}s"
        options.setdefault("connect_timeout", 5)
        options["options"] = f"{options.get('options', '')} {timeouts}".strip()
    return database


def sqlstate(error: DatabaseError) -> str:
    """The five characters PostgreSQL gives an error, or an empty text."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""


def is_lock_timeout(error: DatabaseError) -> bool:
    """Whether another transaction held a lock for longer than this one would wait."""
    return sqlstate(error) == "55P03" or "database is locked" in str(error)


def violated_constraint(error: DatabaseError) -> str:
    """The constraint that refused a row: its name, or on SQLite a text that holds its name or its columns."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return (diagnosis.constraint_name or "") if diagnosis is not None else str(error)


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"
