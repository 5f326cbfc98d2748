"""The examinations of `manage.py doctor` that concern the database."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from core import databases
from core.doctor.examinations import compared_clock
from core.doctor.findings import Finding, error, of_database, ok, warning
from core.doctor.key_fingerprint import is_key_of_database
from core.doctor.outages import mend_of
from core.models import ChangeEvent
from core.postgresql.replicas import NotAReplica, lag_of
from core.postgresql.role_timeouts import wrong_timeouts
from core.server.health import OK, examine_database
from core.server.start.preflight import one_line

MENDS = {
    "database": "point DATABASE_URL to the primary, or make the database writable",
    "migrations": "run `python manage.py migrate`",
    "triggers": "run `python manage.py installtriggers`",
}
NAMED = 3
FULL = 0.8  # of PostgreSQL's connections


def reached() -> Finding:
    """Whether the database answers, and which one it is."""
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT version()" if databases.is_postgresql() else "SELECT 'SQLite ' || sqlite_version()")
            (version,) = cursor.fetchone()
    except Error as fault:
        return error("database", f"does not answer ({one_line(fault)})", mend_of(fault))
    return ok("database", f"{version.partition(' (')[0]} answers")


def database_state() -> list[Finding]:
    """Whether the database can be written, is migrated, and has its triggers."""
    try:
        found = examine_database()
    except Error as fault:
        return [error("database", f"can't be examined ({one_line(fault)})", mend_of(fault))]
    return [
        ok(name, "writable" if name == "database" else "complete")
        if result == OK
        else error(name, _shortened(result), MENDS.get(name, "check DATABASE_URL"))
        for name, result in found.items()
    ]


def _shortened(result: str) -> str:
    names = result.split(", ")
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


@of_database
def key() -> Iterator[Finding]:
    if is_key_of_database():
        yield ok("SECRET_KEY", "is the key that this database is used with")
    else:
        yield error(
            "SECRET_KEY",
            "differs from the key that this database is used with",
            "set the same key everywhere, or run `python manage.py doctor --accept-key` if it was changed on purpose",
        )


@of_database
def clock() -> Iterator[Finding]:
    if databases.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            yield from compared_clock("PostgreSQL", cursor.fetchone()[0])


@of_database
def timeouts() -> Iterator[Finding]:
    """PgBouncer takes no timeouts from a client; with `ignore_startup_parameters` it drops them silently."""
    if not databases.is_postgresql():
        return
    if wrong := wrong_timeouts():
        found = ", ".join(f"{name} is {value}" for name, value in wrong.items())
        mend = (
            "run `python manage.py migrate`, then RECONNECT in PgBouncer's console"
            if settings.DIRECT_DATABASE
            else "if DATABASE_URL leads to PgBouncer, also set DATABASE_DIRECT_URL, to PostgreSQL itself"
        )
        yield error("timeouts", found, mend)
    else:
        yield ok("timeouts", "as in the settings")


@of_database
def direct_database() -> Iterator[Finding]:
    """DATABASE_DIRECT_URL must name the same database, without a pooler."""
    if settings.DIRECT_DATABASE is None:
        return
    here = _identity()
    try:
        with databases.direct_connection():
            there, has_timeouts = _identity(), not wrong_timeouts()
    except Error as fault:
        mend = mend_of(fault, "DATABASE_DIRECT_URL")
        yield error("DATABASE_DIRECT_URL", f"does not answer ({one_line(fault)})", mend)
        return
    if here != there:
        yield error("DATABASE_DIRECT_URL", "names another database than DATABASE_URL", "write the same database")
    elif not has_timeouts:
        yield error("DATABASE_DIRECT_URL", "leads to a pooler too", "write the address of PostgreSQL itself")
    else:
        yield ok("DATABASE_DIRECT_URL", "names the same database, without a pooler")


def _identity() -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT system_identifier, current_database() FROM pg_control_system()")
        found: tuple[object, ...] = cursor.fetchone()
        return found


@of_database
def replicas() -> Iterator[Finding]:
    """Whether each replica of REPLICA_URLS answers, follows this database, and is recent enough to be read."""
    for alias in settings.REPLICAS:
        try:
            lag_s = lag_of(alias)
        except NotAReplica:
            yield error(alias, "is not a replica of this database", "correct REPLICA_URLS")
        except psycopg.Error as fault:
            yield error(alias, f"does not answer ({one_line(fault)})", mend_of(fault, "REPLICA_URLS"))
        else:
            yield _judged_lag(alias, lag_s)


def _judged_lag(alias: str, lag_s: float | None) -> Finding:
    if lag_s is not None:
        return ok(alias, f"follows the primary, {lag_s:.1f} s behind")
    return warning(
        alias,
        f"lags by more than {settings.REPLICA_MAX_LAG_S:g} s, so the primary is read instead",
        "see pg_stat_replication on the primary, and the load and the log of the replica",
    )


@of_database
def connections() -> Iterator[Finding]:
    if databases.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity")
            used, most = cursor.fetchone()
        kind = warning("connections", f"{used} of {most} are used", "raise max_connections, or use PgBouncer")
        yield kind if used > most * FULL else ok("connections", f"{used} of {most} are used")


@of_database
def feed_is_pruned() -> Iterator[Finding]:
    """Events a day older than FEED_DAYS mean that nothing deletes them."""
    oldest = ChangeEvent.objects.order_by("id").values_list("at", flat=True).first()
    if oldest is not None and oldest < timezone.now() - timedelta(days=settings.FEED_DAYS + 1):
        yield warning("feed", f"its oldest event is of {oldest:%Y-%m-%d}", "schedule `python manage.py prune` daily")
    else:
        yield ok("feed", "is pruned")
