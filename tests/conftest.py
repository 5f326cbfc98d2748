"""Fixtures of all tests."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connection, transaction
from django.db.models.signals import post_migrate
from django.test.client import ClientHandler
from httpx._transports import default as transports

from catalog.models import ProductHistory
from core.runtime import Runtime, begin_runtime
from core.server.static_files import FINGERPRINT, Responses, StaticFilesMiddleware, collect
from tests.support.chromium import chromium  # noqa: F401  # a fixture
from tests.support.connect import web_shop  # noqa: F401  # a fixture
from tests.support.generators import python_generators  # noqa: F401  # a fixture
from tests.support.golang import go, go_grpc  # noqa: F401  # fixtures
from tests.support.live import database_of, live_shop, live_shops, migrated_template, unsynced  # noqa: F401  # fixtures
from tests.support.measuring import unmeasured
from tests.support.npm import npm_packages  # noqa: F401  # a fixture
from tests.support.rpc import grpc_shops, rpc  # noqa: F401  # fixtures
from tests.support.services import (
    requires_curl,
    requires_nginx,
    requires_openssl,
    requires_pg_dump,
    requires_pgbouncer,
    requires_postgresql,
    requires_prometheus,
    requires_promtool,
    requires_redis,
    requires_sqlite,
)

__all__ = [
    "requires_curl",
    "requires_nginx",
    "requires_openssl",
    "requires_pg_dump",
    "requires_pgbouncer",
    "requires_postgresql",
    "requires_prometheus",
    "requires_promtool",
    "requires_redis",
    "requires_sqlite",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Create the test database as a copy of one that is migrated already."""
    request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")
    connection.settings_dict["TEST"]["TEMPLATE"] = database_of(request.getfixturevalue("migrated_template"))


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: Any) -> None:
    """Give this process a migrated database.

    On SQLite it is a file, as in the shop: threads and live servers have connections of their own to it.
    On PostgreSQL no commit waits for the disk: no test cuts the power.
    No flush creates Django's permissions again, which takes longer than the flush: the shop grants none of them.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    if connection.vendor == "sqlite":
        template = database_of(request.getfixturevalue("migrated_template"))
        folder = request.getfixturevalue("tmp_path_factory").mktemp("database")
        connection.close()
        connection.settings_dict["NAME"] = shutil.copy(template, folder / "shop.sqlite3")
        return
    request.getfixturevalue("django_db_setup")  # pytest-django's
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(unsynced(connection.settings_dict["NAME"]))
        cursor.execute("SET synchronous_commit = off")


@pytest.fixture(scope="module")
def module_rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Keep the rows that fixtures of a module add until its last test has ended: its tests only read them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def no_older_history(db: None) -> None:
    """Delete the history that an earlier test left: on SQLite, a flush may delete products after their history."""
    ProductHistory.objects.all().delete()


# What a handler of requests keeps of the middleware that it has loaded.
MIDDLEWARE = ("_middleware_chain", "_view_middleware", "_template_response_middleware", "_exception_middleware")
# A test that uses one of these talks to a server process: it is marked `live`.
SERVERS = {"live_shop", "live_shops", "grpc_shops", "web_shop"}
# A test that uses one of these is not `same_everywhere`, nor one that requires a program.
NOT_EVERYWHERE = {"db", "transactional_db", "migrated_template", "npm_packages", "python_generators", "go", *SERVERS}
WITHOUT_CHROMIUM = "SHOP_WITHOUT_CHROMIUM" in os.environ  # CI runs the tests in Chromium once, not on both databases


def pytest_configure() -> None:
    """Let the processes that tests start keep bytecode: 200 of them would compile the whole shop, 0.3 s each.

    No garbage is collected while the tests are: that would take a third of the time.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()  # the tests and modules stay until the end


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Collect the static files before any worker starts: else servers do it while other tests read the folder."""
    if not hasattr(session.config, "workerinput"):
        collect()


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        if WITHOUT_CHROMIUM and item.path.name.endswith("_chromium.py"):
            item.add_marker(pytest.mark.skip(reason="needs Chromium: SHOP_WITHOUT_CHROMIUM is set"))
        if item.get_closest_marker("long") or not SERVERS.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.live)
        needs = {name for name in item.fixturenames if name in NOT_EVERYWHERE or name.startswith("requires_")}
        if needs and item.get_closest_marker("same_everywhere"):
            raise pytest.UsageError(f"{item.nodeid} is marked same_everywhere, but needs {', '.join(sorted(needs))}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with unmeasured() if item.get_closest_marker("unmeasured") else nullcontext():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole modules as long as there are any: the tests of a module share a server."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Let the clients of httpx share the trusted certificates: each would read them all, in 20 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "create_ssl_context", cache(transports.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> Iterator[None]:
    """Let Django's test clients share the tables of static files: each would look for all files, in 7 ms."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("add_files", "add_files_from_finders"):
            patch.setattr(StaticFilesMiddleware, name, _found_once(getattr(StaticFilesMiddleware, name)))
        yield


def _found_once(find: Callable[..., None]) -> Callable[..., None]:
    tables: dict[Any, dict[str, Any]] = {}

    def share(middleware: StaticFilesMiddleware, *place: Any, **prefix: Any) -> None:
        key, before = (*place, *prefix.items()), middleware.files
        is_complete = all((Path(root) / FINGERPRINT).exists() for root in place)  # a server may be collecting there
        found = tables.get(key)
        if found is None:
            middleware.files = {}
            find(middleware, *place, **prefix)
            found = middleware.files
            if is_complete:
                tables[key] = found
        middleware.files = Responses(before | found)

    return share


@pytest.fixture(scope="session", autouse=True)
def middleware_loaded_once() -> Iterator[None]:
    """Let Django's test clients share the middleware, until a setting changes: each would load it, in 2 ms."""
    loaded: dict[str, Any] = {}
    load = ClientHandler.load_middleware

    def share(handler: ClientHandler) -> None:
        if not loaded:
            load(handler)
            loaded.update({name: getattr(handler, name) for name in MIDDLEWARE})
        vars(handler).update(loaded)

    def forget(**_: object) -> None:
        loaded.clear()

    setting_changed.connect(forget)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientHandler, "load_middleware", share)
        yield
    setting_changed.disconnect(forget)


@pytest.fixture(scope="session", autouse=True)
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let this process, and the servers that tests start, store uploads in a folder of the session."""
    folder = tmp_path_factory.mktemp("media")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MEDIA_ROOT", str(folder))
        patch.setenv("MEDIA_ROOT", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Hash with MD5 in this process: a real hash costs more than most tests. Live servers keep the real one."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def unspent_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test, and the servers it starts, budgets that nobody has drawn on, in Redis too."""
    prefix = f"test-{uuid4().hex}:"
    monkeypatch.setattr(settings, "REDIS_PREFIX", prefix)
    monkeypatch.setenv("REDIS_PREFIX", prefix)


@pytest.fixture(autouse=True)
def runtime() -> Runtime:
    """Give each test a process's state of its own: budgets, breakers, open streams, and results of probes."""
    return begin_runtime()


@pytest.fixture
def unlimited(settings) -> None:
    """Lift the budgets, whose counters are statements too."""
    settings.RATE_LIMITS = False
