"""The timeouts of a connection through PgBouncer: settings of the role, because PgBouncer takes none from a client."""

from django.conf import settings
from django.db import connection

NAMES = {"lock_timeout": "LOCK_TIMEOUT_S", "statement_timeout": "STATEMENT_TIMEOUT_S"}


def set_role_timeouts(**_: object) -> None:
    """Set the role's timeouts in this database, after `manage.py migrate`. New sessions of PostgreSQL have them."""
    if settings.DIRECT_DATABASE is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_database())")
        (database,) = cursor.fetchone()
        for name, seconds in _wanted().items():
            # A role may change its own settings.
            cursor.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{seconds}s'")


def wrong_timeouts() -> dict[str, str]:
    """Return the timeouts of this connection that differ from the settings, with their values."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting::bigint / 1000 FROM pg_settings WHERE name = ANY(%s)", [list(NAMES)])
        return {name: f"{seconds} s" for name, seconds in cursor.fetchall() if seconds != _wanted()[name]}


def _wanted() -> dict[str, int]:
    return {name: getattr(settings, setting) for name, setting in NAMES.items()}
