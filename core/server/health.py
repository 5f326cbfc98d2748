"""The probes: whether this process runs, and whether it can serve."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cache

from django.db import Error, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware

from core import databases, triggers
from core.runtime import singleton

OK = "ok"
STATEMENT_TIMEOUT_MS = 3_000
FRESH_S = 1.0  # time for which a result is reused
PROBES = ("/health/live", "/health/ready")
log = logging.getLogger(__name__)


class HostCheck(CommonMiddleware):
    """Django's middleware that checks the Host, except for probes: a load balancer uses an address, not a name."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path in PROBES else super().process_request(request)


def is_ok(checks: dict[str, str]) -> bool:
    return all(found == OK for found in checks.values())


def database_checks() -> dict[str, str]:
    """Return "ok" or the fault for each check of the database: its state, its migrations, its triggers.

    Blocks for a few seconds if the database does not answer. Thread-safe and cheap to call often: a result is reused
    for FRESH_S, and concurrent callers wait for the same one.
    """
    return singleton(RecentDatabaseChecks).checks()


class RecentChecks(ABC):
    """The latest result of some checks. A flood of probes runs them once in FRESH_S."""

    @abstractmethod
    def run_checks(self) -> dict[str, str]:
        """Run the checks: return "ok" or the fault for each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, str] = {}
        self._fresh_until = 0.0

    def checks(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._checks = self.run_checks()
                self._fresh_until = time.monotonic() + FRESH_S
            return self._checks


class RecentDatabaseChecks(RecentChecks):
    def run_checks(self) -> dict[str, str]:
        return _checks()


def _checks() -> dict[str, str]:
    try:
        return examine_database()
    except Error as error:
        log.warning("Not ready, the database does not answer: %s", error)
        return {"database": "no answer"}


def examine_database() -> dict[str, str]:
    """Return the checks of `database_checks`, run now. Raises django.db.Error if the database does not answer."""
    if not databases.is_postgresql():
        return _database_checks()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        return _database_checks()


def _database_checks() -> dict[str, str]:
    unapplied = _on_disk() - set(MigrationRecorder(connection).applied_migrations())
    return {
        "database": OK if databases.is_writable() else "read-only",
        "migrations": _ok_or_missing(f"{app}.{name}" for app, name in sorted(unapplied)),
        "triggers": _ok_or_missing(triggers.missing()),
    }


def _ok_or_missing(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"missing: {listed}" if listed else OK


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    """Return the app and name of every migration in the code."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
