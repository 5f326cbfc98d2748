"""Services and programs that a machine may lack: a test that needs one is then skipped, or fails in CI."""

import os
import shutil
from typing import NoReturn

import pytest
from django.conf import settings
from django.db import connection


@pytest.fixture(scope="session")
def requires_postgresql() -> None:
    if connection.vendor != "postgresql":
        _do_without("PostgreSQL", "DATABASE_URL names none")


@pytest.fixture
def requires_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("about SQLite, and this run is on another database")


@pytest.fixture
def requires_redis() -> None:
    if not settings.REDIS_URL:
        _do_without("Redis", "REDIS_URL names none")


@pytest.fixture
def requires_curl() -> None:
    if shutil.which("curl") is None:
        _do_without("curl", "it is not installed")


@pytest.fixture
def requires_openssl() -> None:
    if shutil.which("openssl") is None:
        _do_without("openssl", "it is not installed")


@pytest.fixture
def requires_nginx() -> None:
    if shutil.which("nginx") is None:
        _do_without("nginx", "it is not installed")


@pytest.fixture(scope="session")
def requires_pgbouncer(requires_postgresql) -> None:
    if shutil.which("pgbouncer") is None:
        _do_without("PgBouncer", "it is not installed")


@pytest.fixture
def requires_promtool() -> None:
    if shutil.which("promtool") is None:
        _do_without("promtool", "it is not installed")


@pytest.fixture(scope="session")
def requires_prometheus() -> None:
    if shutil.which("prometheus") is None:
        _do_without("Prometheus", "it is not installed")


@pytest.fixture
def requires_pg_dump() -> None:
    """Require pg_dump if the database is PostgreSQL."""
    if connection.vendor == "postgresql" and shutil.which("pg_dump") is None:
        _do_without("pg_dump", "it is not installed")


def _do_without(what: str, why: str) -> NoReturn:
    if os.environ.get("SHOP_REQUIRE_SERVICES"):
        pytest.fail(f"{what} is required in this run: {why}")
    pytest.skip(f"needs {what}: {why}")
