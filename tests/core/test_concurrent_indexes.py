"""Indexes are built while clients write; an interrupted build is mended by the next `manage.py migrate`."""

import os
import threading
import time
from contextlib import contextmanager
from io import StringIO

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from core.management.commands import migrate
from core.postgresql import operations
from core.postgresql.migrating import timeouts_of_migration
from tests.support.factories import make_product
from tests.support.live import fresh_database, using
from tests.support.warm_start import WarmProcess

BEFORE, TARGET = ("catalog", "0010_history_of_requests"), ("catalog", "0011_ascii_trigrams")
INDEX = "catalog_product_sku_lower_trigrams"
FORMER = "catalog_product_sku_trigrams"
LATEST = [
    ("catalog", "0013_concurrent_indexes"),
    ("orders", "0012_concurrent_indexes"),
    ("accounts", "0010_rename_trigrams"),
]
INDEXES = {
    "postgresql": "SELECT indexdef, indisvalid FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass "
    "WHERE schemaname = 'public' ORDER BY 1",
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY 1",
}
NAMES = {
    "postgresql": "SELECT indexname FROM pg_indexes WHERE indexname ~ '^ecommerce_loggedrequest_(at|began)'",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND (name GLOB 'ecommerce_loggedrequest_at*' "
    "OR name GLOB 'ecommerce_loggedrequest_began*')",
}
TRIGGERS = {
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'ecommerce_loggedrequest'::regclass ORDER BY 1",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ecommerce_loggedrequest' "
    "ORDER BY 1",
}
STATE = "SELECT indexrelid::bigint, indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
WAITING_BUILD = (
    "SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database() AND starts_with(phase, 'waiting')"
)


def on_postgresql(test):
    """Mark a test that waits for the builds of a PostgreSQL server."""
    return pytest.mark.live(pytest.mark.usefixtures("requires_postgresql")(test))


@pytest.fixture
def database(tmp_path, migrated_template, django_db_blocker):
    """The URL of a migrated database, which this thread's connection uses."""
    with fresh_database(tmp_path, migrated_template) as url, django_db_blocker.unblock(), using(url):
        yield url


@pytest.fixture
def older(database):
    """The same, without the index, and with two products."""
    make_product(sku="A-1")
    make_product(sku="B-2")
    call_command("migrate", *BEFORE, verbosity=0, skip_checks=True)
    return database


def rows_of(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def indexes():
    return rows_of(INDEXES[connection.vendor])


def state_of(index):
    return next(iter(rows_of(STATE, index)), None)


def is_applied():
    return TARGET in MigrationRecorder(connection).applied_migrations()


def forget(*names):
    for app, name in names:
        MigrationRecorder(connection).record_unapplied(app, name)


def apply_again(*names):
    """Apply migrations to a database that has their changes already. Later ones are not applied again."""
    applied = MigrationRecorder(connection).applied_migrations()
    later = [(app, each) for app, each in applied for of, name in names if app == of and each > name]
    forget(*names, *later)
    for app, name in names:
        call_command("migrate", app, name, verbosity=0, skip_checks=True)
    for app, name in later:
        MigrationRecorder(connection).record_applied(app, name)


def waiting_build():
    """Return the process id of the server's process that builds an index and waits for a transaction."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := rows_of(WAITING_BUILD):
            return found[0][0]
        time.sleep(0.02)
    raise AssertionError("no build waits for a transaction")


@contextmanager
def open_transaction(url):
    """Yield a connection with an open transaction that writes to the table: a build must wait until it ends."""
    with psycopg.connect(url) as writer:
        writer.execute("LOCK TABLE catalog_product IN ROW EXCLUSIVE MODE")
        yield writer


@contextmanager
def migrating(url, said=None):
    """Run the migration in a thread while a transaction is open, which ends with the block. Wait for the thread."""

    def run():
        with using(url):
            call_command("migrate", *TARGET, verbosity=0, stderr=said or StringIO(), skip_checks=True)

    work = threading.Thread(target=run)
    with open_transaction(url) as writer:
        work.start()
        yield work, writer
    work.join(60)
    assert not work.is_alive()


def killed_migration(url, folder):
    """Start `manage.py migrate`, kill it while it builds the index, and return the server's process that goes on."""
    env = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY}
    process = WarmProcess(["migrate", *TARGET, "--skip-checks"], env, folder / "out", folder / "err")
    try:
        return waiting_build()
    finally:
        process.kill()
        process.wait()


@on_postgresql
def test_writers_pass_while_an_index_waits_for_another_transaction(older):
    with migrating(older), psycopg.connect(older, autocommit=True) as client:
        waiting_build()
        client.execute("SET lock_timeout = '1s'")
        changed = client.execute("UPDATE catalog_product SET stock = 7 WHERE sku = 'B-2'").rowcount
        added = client.execute("INSERT INTO catalog_product (name, price, sku) VALUES ('C', 1, 'C-3')").rowcount
        during = state_of(INDEX)

    assert (changed, added) == (1, 1)
    assert during[1] is False
    assert state_of(INDEX) == (during[0], True)
    assert is_applied()


@on_postgresql
def test_build_that_lost_its_lock_is_repeated(older, monkeypatch):
    monkeypatch.setattr(operations, "BUILD_LOCK_TIMEOUT_S", 1)
    monkeypatch.setattr(migrate, "PAUSE_S", 0.2)
    said = StringIO()
    with migrating(older, said) as (work, _):
        while work.is_alive() and "A table is in use" not in said.getvalue():
            time.sleep(0.05)
        first = state_of(INDEX)

    assert first[1] is False
    assert state_of(INDEX)[1] is True
    assert state_of(INDEX)[0] != first[0]
    assert is_applied()


@on_postgresql
def test_build_that_was_killed_is_replaced(older, tmp_path):
    with open_transaction(older):
        server_process = killed_migration(older, tmp_path)
        broken = state_of(INDEX)
        rows_of("SELECT pg_terminate_backend(%s, 10000)", server_process)
    assert broken[1] is False
    assert state_of(INDEX) == broken
    assert not is_applied()

    call_command("migrate", *TARGET, verbosity=0, skip_checks=True)

    assert state_of(INDEX)[1] is True
    assert state_of(INDEX)[0] != broken[0]
    assert is_applied()


@on_postgresql
def test_build_that_the_server_continues_is_awaited_and_kept(older, tmp_path):
    with open_transaction(older) as first:
        killed_migration(older, tmp_path)
        continued = state_of(INDEX)
        with migrating(older) as (second, _):
            second.join(1)
            is_waiting = second.is_alive()
            first.commit()

    assert (continued[1], is_waiting) == (False, True)
    assert state_of(INDEX) == (continued[0], True)
    assert is_applied()


@on_postgresql
def test_timeouts_are_restored_after_a_build(older):
    with timeouts_of_migration():
        before = rows_of(operations.TIMEOUTS), connection.connection.timeout_s
        with connection.schema_editor(atomic=False) as editor, operations.patience(editor):
            inside = rows_of(operations.TIMEOUTS)
        after = rows_of(operations.TIMEOUTS), connection.connection.timeout_s

    assert (before, inside, after) == (([("2s", "0")], 0), [("10min", "0")], ([("2s", "0")], 0))


@on_postgresql
def test_index_of_the_previous_release_stays(older):
    rows_of_index = "USING gin (shop_folded(sku) gin_trgm_ops)"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {FORMER} ON catalog_product {rows_of_index}")
    former = state_of(FORMER)

    call_command("migrate", verbosity=0, skip_checks=True)

    assert state_of(FORMER) == (former[0], True)
    assert state_of(INDEX)[1] is True


@on_postgresql
def test_index_that_took_the_former_name_is_renamed_and_not_built_again(database):
    wanted, built = indexes(), state_of(INDEX)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER INDEX {INDEX} RENAME TO {FORMER}")

    apply_again(*LATEST)

    assert state_of(INDEX) == built
    assert indexes() == wanted


@pytest.mark.long
def test_database_that_has_the_indexes_already_keeps_them(database):
    wanted = indexes()

    apply_again(*LATEST, ("webhooks", "0002_lists_of_staff"))

    assert indexes() == wanted
    assert set(LATEST) <= set(MigrationRecorder(connection).applied_migrations())


@pytest.mark.long
def test_indexes_come_and_go(database):
    wanted = indexes()

    call_command("migrate", "orders", "0011_triggers_of_inserts", verbosity=0, skip_checks=True)
    without = indexes()
    call_command("migrate", "orders", verbosity=0, skip_checks=True)

    assert "orders_order_status" in str(wanted)
    assert "orders_order_status" not in str(without)
    assert indexes() == wanted


@pytest.mark.live
def test_index_of_a_column_is_replaced_and_comes_back(database):
    def names():
        return {name for name, *_ in rows_of(NAMES[connection.vendor])}

    triggers = rows_of(TRIGGERS[connection.vendor])
    assert names() == {"ecommerce_loggedrequest_began"}
    call_command("migrate", "ecommerce", "0011_import_progress", verbosity=0, skip_checks=True)
    assert names() == {"ecommerce_loggedrequest_at_a3e72d7b"}
    call_command("migrate", "ecommerce", verbosity=0, skip_checks=True)

    assert names() == {"ecommerce_loggedrequest_began"}
    assert rows_of(TRIGGERS[connection.vendor]) == triggers != []
