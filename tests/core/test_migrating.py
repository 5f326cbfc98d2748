"""`manage.py migrate` waits for locks for a short time only, because clients wait behind it."""

import threading
import time
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from core.management.commands import migrate
from core.postgresql.migrating import timeouts_of_migration
from tests.support.live import fresh_database, using

TIMEOUTS = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
BEFORE, TARGET = ("catalog", "0007_history"), ("catalog", "0008_reorder_level")


@pytest.fixture
def migrated(tmp_path, migrated_template, django_db_blocker):
    """The URL of a migrated database, which this thread's connection uses."""
    with fresh_database(tmp_path, migrated_template) as url, django_db_blocker.unblock(), using(url):
        yield url


def timeouts():
    with connection.cursor() as cursor:
        cursor.execute(TIMEOUTS)
        return cursor.fetchone()


@pytest.mark.usefixtures("requires_postgresql")
def test_migration_has_timeouts_of_its_own(migrated):
    before, client_before = timeouts(), connection.connection.timeout_s
    with timeouts_of_migration():
        inside, client_inside = timeouts(), connection.connection.timeout_s

    assert (before, inside, timeouts()) == (("10s", "30s"), ("2s", "0"), ("10s", "30s"))
    assert (client_before, client_inside, connection.connection.timeout_s) == (31, 0, 31)


@pytest.mark.live
@pytest.mark.usefixtures("requires_postgresql")
def test_migration_lets_readers_pass_while_another_transaction_holds_a_lock(migrated, settings, monkeypatch):
    call_command("migrate", *BEFORE, verbosity=0, skip_checks=True)
    settings.MIGRATE_LOCK_TIMEOUT_S = 1
    monkeypatch.setattr(migrate, "PAUSE_S", 0.2)
    longest, said = 0.0, StringIO()
    with psycopg.connect(migrated) as holder, psycopg.connect(migrated, autocommit=True) as reader:
        holder.execute("LOCK TABLE catalog_product IN ROW SHARE MODE")
        work = threading.Thread(target=_migrate_in_a_thread, args=(migrated, said))
        work.start()
        while work.is_alive():
            start = time.monotonic()
            reader.execute("SELECT count(*) FROM catalog_product")
            longest = max(longest, time.monotonic() - start)
            if said.getvalue().count("A table is in use") == 2:
                holder.commit()
            time.sleep(0.05)

    assert said.getvalue().count("A table is in use") >= 2
    assert TARGET in MigrationRecorder(connection).applied_migrations()
    assert longest < 2


def _migrate_in_a_thread(url, said):
    with using(url):
        call_command("migrate", *TARGET, verbosity=0, stderr=said, skip_checks=True)


def test_migration_that_fails_for_another_reason_is_not_tried_again(migrated, monkeypatch):
    attempts = []

    def fail(*args, **options):
        attempts.append(1)
        raise ValueError("wrong")

    monkeypatch.setattr(migrate.migrate.Command, "handle", fail)

    with pytest.raises(ValueError, match="wrong"):
        call_command("migrate", verbosity=0, skip_checks=True)
    assert attempts == [1]
