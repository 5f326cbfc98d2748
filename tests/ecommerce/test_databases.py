"""How each database is set up for many threads and processes, and what each says when it refuses."""

from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, connection, transaction

from catalog.models import Product
from ecommerce import databases
from tests.factories import make_product

TIMEOUTS: dict[str, Any] = {"lock_timeout_s": 7, "statement_timeout_s": 11, "sqlite_synchronous": "FULL"}


def test_sqlite_is_set_up_for_several_writing_processes() -> None:
    configured = databases.configured({"ENGINE": "django.db.backends.sqlite3", "NAME": "x.sqlite3"}, **TIMEOUTS)

    assert configured["ENGINE"] == "ecommerce.sqlite"
    assert configured["OPTIONS"] == {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }


def test_postgresql_has_timeouts_and_health_checks() -> None:
    url = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "OPTIONS": {"options": "-c work_mem=8MB"}}

    configured = databases.configured(url, **TIMEOUTS)

    assert (configured["CONN_MAX_AGE"], configured["CONN_HEALTH_CHECKS"]) == (None, True)
    assert configured["OPTIONS"] == {
        "connect_timeout": 5,
        "options": "-c work_mem=8MB -c lock_timeout=7s -c statement_timeout=11s",
    }


@pytest.mark.parametrize("engine", [{}, {"ENGINE": ""}, {"ENGINE": "django.db.backends.mysql"}])
def test_any_other_database_is_refused(engine: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="neither an SQLite file nor a PostgreSQL database"):
        databases.configured(engine, **TIMEOUTS)


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.parametrize(
    ("pragma", "expected"), [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 20_000)]
)
def test_sqlite_connection_is_as_configured(pragma: str, expected: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {pragma}")

        assert cursor.fetchone() == (expected,)


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_connection_is_as_configured() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")

        assert cursor.fetchone() == (f"{settings.LOCK_TIMEOUT_S}s", f"{settings.STATEMENT_TIMEOUT_S}s")


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


def test_only_a_lock_is_a_lock() -> None:
    assert databases.is_lock_timeout(DatabaseError("database is locked"))
    assert not databases.is_lock_timeout(DatabaseError("disk I/O error"))
    assert databases.sqlstate(DatabaseError("no cause")) == ""
