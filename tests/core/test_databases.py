"""How each database is set up for many threads and processes, and what each says when it refuses."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, connections, models, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from core import databases
from core.django_internals import connection_of_thread
from core.faults import as_domain_error
from core.models import RateCounter
from core.plans.statements import list_value
from core.postgresql.base import PREPARE_AFTER
from orders.placing import PRODUCTS
from tests.support.factories import make_product
from tests.support.live import using
from tests.support.threads import at_once

TIMEOUTS: dict[str, Any] = {"lock_timeout_s": 7, "statement_timeout_s": 11, "sqlite_synchronous": "FULL"}


def test_sqlite_is_set_up_for_several_writing_processes() -> None:
    configured = databases.configured({"ENGINE": "django.db.backends.sqlite3", "NAME": "x.sqlite3"}, **TIMEOUTS)

    assert configured["ENGINE"] == "core.sqlite"
    assert configured["OPTIONS"] == {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }


def test_postgresql_has_timeouts_and_health_checks() -> None:
    url = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "OPTIONS": {"options": "-c work_mem=8MB"}}

    configured = databases.configured(url, **TIMEOUTS)

    assert (configured["CONN_MAX_AGE"], configured["CONN_HEALTH_CHECKS"]) == (None, True)
    assert configured["ENGINE"] == "core.postgresql"
    assert configured["OPTIONS"] == {
        "connect_timeout": 5,
        "tcp_user_timeout": 20_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": "-c tcp_user_timeout=20000 -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5"
        " -c tcp_keepalives_count=3 -c jit=off -c work_mem=8MB -c lock_timeout=7s -c statement_timeout=11s",
    }


@pytest.mark.parametrize(("engine", "threads"), [("sqlite3", 4), ("postgresql", 8)])
def test_web_process_has_more_threads_with_postgresql(engine: str, threads: int) -> None:
    configured = databases.configured({"ENGINE": f"django.db.backends.{engine}", "NAME": "shop"}, **TIMEOUTS)

    assert databases.threads_for(configured) == threads


def test_connection_settings_of_the_url_hold() -> None:
    url = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "OPTIONS": {"connect_timeout": 2}}

    assert databases.configured(url, **TIMEOUTS)["OPTIONS"]["connect_timeout"] == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_connection_is_as_configured() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")

        assert cursor.fetchone() == (f"{settings.LOCK_TIMEOUT_S}s", f"{settings.STATEMENT_TIMEOUT_S}s")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(("is_pooled", "prepared"), [(False, 1), (True, 0)])
def test_compiled_read_is_prepared_unless_a_pooler_is_in_between(is_pooled: bool, prepared: int) -> None:
    connection.close()
    connection.settings_dict["IS_POOLED"], before = is_pooled, connection.settings_dict["IS_POOLED"]
    try:
        for _ in range(PREPARE_AFTER + 1):
            PRODUCTS.rows(ids=list_value([1]))
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM pg_prepared_statements")
            assert cursor.fetchone() == (prepared,)
    finally:
        connection.settings_dict["IS_POOLED"] = before
        connection.close()


@pytest.mark.django_db
def test_violated_constraint_is_named() -> None:
    make_product(sku="taken")

    with pytest.raises(IntegrityError) as of_check, transaction.atomic():
        Product.objects.update(stock=-1)
    with pytest.raises(IntegrityError) as of_unique, transaction.atomic():
        make_product(sku="TAKEN")

    assert "catalog_product_stock_range" in databases.violated_constraint(of_check.value)
    assert "catalog_product_sku_unique" in databases.violated_constraint(of_unique.value)
    assert not databases.is_lock_timeout(of_unique.value)  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(
    ("sqlstate", "text"),
    [
        ("25006", "The database is read-only at the moment"),
        ("25P03", "The database does not answer in time"),
        ("55P03", "The database does not answer in time"),
        ("57014", "The database does not answer in time"),
        ("40001", "Another request changed the same rows at the same time"),
        ("40P01", "Another request changed the same rows at the same time"),
        ("08006", "The database is unavailable"),
        ("53100", "The database is unavailable"),  # disk full
        ("53200", "The database is unavailable"),
        ("53300", "The database is unavailable"),
        ("55000", "The database is unavailable"),
        ("57P01", "The database is unavailable"),
        ("57P02", "The database is unavailable"),
        ("57P03", "The database is unavailable"),
        ("58030", "The database is unavailable"),
        ("25P02", None),
        ("42P01", None),
        ("54001", None),
        ("XX000", None),
    ],
)
def test_outage_of_postgresql_has_the_text_of_its_kind(sqlstate: str, text: str | None) -> None:
    with pytest.raises(DatabaseError) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$")

    refusal = as_domain_error(raised.value)

    assert databases.outage(raised.value) == text
    assert (refusal and (refusal.code, refusal.message, refusal.retry_after_s)) == (text and ("unavailable", text, 2))


@pytest.fixture
def other_sqlite(tmp_path: Path, django_db_blocker: Any) -> Iterator[CursorWrapper]:
    """A cursor of an SQLite file with an empty table `t`."""
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    with django_db_blocker.unblock(), using(url), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (x)")
        yield cursor


@pytest.mark.parametrize(
    ("setting", "statement", "text"),
    [
        ("query_only = 1", "DELETE FROM t", "The database is read-only at the moment"),
        ("max_page_count = 1", "INSERT INTO t VALUES (zeroblob(9999))", "The database is unavailable"),  # disk full
        ("query_only = 0", "SELECT * FROM missing", None),
    ],
)
def test_outage_of_sqlite_has_the_text_of_its_kind(
    other_sqlite: CursorWrapper, setting: str, statement: str, text: str | None
) -> None:
    other_sqlite.execute(f"PRAGMA {setting}")

    with pytest.raises(DatabaseError) as raised:
        other_sqlite.execute(statement)

    assert databases.outage(raised.value) == text


def test_sqlite_that_another_connection_locks_is_late(other_sqlite: CursorWrapper) -> None:
    other_sqlite.execute("PRAGMA busy_timeout = 0")
    with locked_by_another(), pytest.raises(DatabaseError) as raised:
        other_sqlite.execute("DELETE FROM t")

    assert databases.outage(raised.value) == "The database does not answer in time"


# -- SQLite, in a run on either database ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pragma", "expected"), [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 20_000)]
)
def test_sqlite_connection_is_as_configured(other_sqlite: CursorWrapper, pragma: str, expected: Any) -> None:
    assert other_sqlite.execute(f"PRAGMA {pragma}").fetchone() == (expected,)


@contextmanager
def locked_by_another() -> Iterator[None]:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def busy_timeout_ms(cursor: CursorWrapper) -> int:
    return cursor.execute("PRAGMA busy_timeout").fetchone()[0]


def test_sqlite_that_is_free_or_busy_takes_writes(other_sqlite: CursorWrapper) -> None:
    is_free = databases.is_writable()
    with locked_by_another():
        is_busy = databases.is_writable()
    with transaction.atomic():
        in_transaction = databases.is_writable()

    assert (is_free, is_busy, in_transaction) == (True, True, True)
    assert busy_timeout_ms(other_sqlite) == 20_000


def test_sqlite_that_is_read_only_takes_none(other_sqlite: CursorWrapper) -> None:
    other_sqlite.execute("PRAGMA query_only = 1")

    assert databases.is_writable() is False
    assert busy_timeout_ms(other_sqlite) == 20_000


def test_file_that_is_no_database_is_a_fault(other_sqlite: CursorWrapper) -> None:
    connection.close()
    Path(connection.settings_dict["NAME"]).write_bytes(b"no database, and longer than a header" * 99)

    with pytest.raises(DatabaseError, match="file is not a database"):
        databases.is_writable()


def test_rows_of_sqlite_are_the_same_while_statements_are_logged(other_sqlite: CursorWrapper) -> None:
    other_sqlite.execute("INSERT INTO t VALUES ('50%'), ('7')")
    sql = "SELECT x FROM t WHERE x LIKE '%%0%%' AND x <> %s"

    plain = connection.rows_of(sql, ["7"])
    with CaptureQueriesContext(connection) as queries:
        logged = connection.rows_of(sql, ["7"])

    assert plain == logged == [("50%",)]
    assert [query["sql"] for query in queries] == ["SELECT x FROM t WHERE x LIKE '%0%' AND x <> '7'"]


def test_sqlite_connection_is_given_up_after_an_error_even_if_it_was_rolled_back(other_sqlite: CursorWrapper) -> None:
    assert connection.is_usable()
    with pytest.raises(DatabaseError), transaction.atomic():
        other_sqlite.execute("SELECT * FROM missing")

    assert not connection.is_usable()


def test_triggers_of_sqlite_survive_a_change_of_their_table(other_sqlite: CursorWrapper) -> None:
    with connection.schema_editor() as editor:
        editor.create_model(RateCounter)
    other_sqlite.execute(
        "CREATE TRIGGER seen AFTER INSERT ON ecommerce_ratecounter BEGIN INSERT INTO t VALUES ('100%'); END"
    )
    other_sqlite.execute(
        "CREATE TRIGGER named AFTER DELETE ON t BEGIN DELETE FROM ecommerce_ratecounter; END"  # of another table
    )
    optional = models.BigIntegerField(null=True)
    optional.set_attributes_from_name("used")

    with connection.schema_editor() as editor:
        editor.alter_field(RateCounter, RateCounter._meta.get_field("used"), optional, strict=True)
    other_sqlite.execute("INSERT INTO ecommerce_ratecounter VALUES ('a', 1, NULL)")

    assert other_sqlite.execute("SELECT x FROM t").fetchall() == [("100%",)]
    other_sqlite.execute("DELETE FROM t")
    assert other_sqlite.execute("SELECT COUNT(*) FROM ecommerce_ratecounter").fetchone() == (0,)


def test_only_a_lock_is_a_lock() -> None:
    assert databases.is_lock_timeout(DatabaseError("database is locked"))
    assert not databases.is_lock_timeout(DatabaseError("disk I/O error"))
    assert databases.sqlstate(DatabaseError("no cause")) == ""


@pytest.mark.django_db
def test_connection_of_a_thread_is_djangos() -> None:
    (of_another,) = at_once(lambda: (connection_of_thread(), connections["default"]))

    assert connection_of_thread() is connections["default"]
    assert of_another[0] is of_another[1] is not connections["default"]
