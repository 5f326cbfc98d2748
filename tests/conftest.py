"""Fixtures of all tests."""

from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from ecommerce import limits
from tests.connect import web_shop  # noqa: F401  # a fixture
from tests.live import live_shop, live_shops, migrated_template  # noqa: F401  # fixtures
from tests.npm import npm_packages  # noqa: F401  # a fixture
from tests.rpc import grpc_shops, rpc  # noqa: F401  # fixtures
from tests.services import (
    requires_curl,
    requires_nginx,
    requires_openssl,
    requires_pg_dump,
    requires_postgresql,
    requires_redis,
    requires_sqlite,
)

__all__ = [
    "requires_curl",
    "requires_nginx",
    "requires_openssl",
    "requires_pg_dump",
    "requires_postgresql",
    "requires_redis",
    "requires_sqlite",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """On SQLite use a file, as the shop does: threads and live servers have connections of their own to it."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "shop.sqlite3")
    else:
        request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(autouse=True)
def cheap_passwords() -> None:
    """Hash with MD5 in this process: a real hash costs more than most tests. Live servers keep the real one."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def unspent_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test, and the servers it starts, budgets that nobody has drawn on, in Redis too."""
    prefix = f"test-{uuid4().hex}:"
    monkeypatch.setattr(settings, "REDIS_PREFIX", prefix)
    monkeypatch.setenv("REDIS_PREFIX", prefix)
    limits._purses.clear()


@pytest.fixture
def unlimited(settings) -> None:
    """Lift the budgets, whose counters are statements too."""
    settings.RATE_LIMITS = False
