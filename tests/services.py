"""Services that not every machine has: a test that needs one is skipped without it, and fails in CI."""

import os
from typing import NoReturn

import pytest
from django.conf import settings
from django.db import connection


@pytest.fixture
def requires_postgresql() -> None:
    if connection.vendor != "postgresql":
        _do_without("PostgreSQL", "DATABASE_URL")


@pytest.fixture
def requires_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("about SQLite, and this run is on another database")


@pytest.fixture
def requires_redis() -> None:
    if not settings.REDIS_URL:
        _do_without("Redis", "REDIS_URL")


def _do_without(service: str, variable: str) -> NoReturn:
    if os.environ.get("SHOP_REQUIRE_SERVICES"):
        pytest.fail(f"{service} is required in this run, and {variable} names none")
    pytest.skip(f"needs {service}: set {variable}")
