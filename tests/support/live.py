"""Real server processes on a fresh database, for tests of races, kills and sockets.

    def test_forty_units_make_forty_orders(live_shop):
        shop = live_shop(processes=2)                   # RATE_LIMITS=off unless the test says RATE_LIMITS="on"
        with shop.database():                           # the ORM, the factories and the actions work in that database
            product = make_product(stock=40)
            buyers = [make_user() for _ in range(60)]   # with password="...", they can sign in at the server
        answers = [httpx.post(f"{url}/api/v1/orders", ...) for url in shop.urls]
        shop.servers[0].kill()                          # kill -9
        server = shop.start()                           # one more process, on the same database
        with shop.database():
            assert Order.objects.count() == 40

`live_shop` is a fixture (tests/conftest.py); `live_shops` does the same for a whole module. They need no `django_db`
mark. Each database is a copy of one that is migrated before. DATABASE_URL decides how: SQLite copies a file,
PostgreSQL runs `CREATE DATABASE ... TEMPLATE`. Servers share the SECRET_KEY of the test process, so they accept tokens
issued inside `shop.database()`. `shop.database()` changes only the test's own thread; other threads keep using the test
database.
"""

import fcntl
import itertools
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import environ
import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler
from django.test import override_settings

from core import databases
from tests.support.processes import end
from tests.support.waiting import responds, wait_until_started
from tests.support.warm_start import ROOT as ROOT  # tests import it from here
from tests.support.warm_start import WarmProcess

PORTS = range(20_000, 32_768)  # below the ports that the system assigns to outgoing connections
REAL_HASHERS = ["tests.support.live.Argon2Once"]
LONG_GRACE = ("--grace", "60")  # options of a server whose end must not wait for the grace
WITHOUT_GRACE_S = 20  # such a server ends within 3 s; the rest is for a machine that is busy


class Argon2Once(Argon2PasswordHasher):
    """The hasher of the servers, except that all hashes of one password are the same: making one takes 0.2 s."""

    def salt(self) -> str:
        return "the salt of the tests"

    def encode(self, password: str, salt: str) -> str:
        return _argon2(password, salt)


@cache
def _argon2(password: str, salt: str) -> str:
    return Argon2PasswordHasher().encode(password, salt)


class Server:
    """One process of `manage.py serve`, or of uvicorn for another ASGI `app`."""

    def __init__(self, folder: Path, env: dict[str, str], app: str = "", options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / f"server-{self.port}.log"
        self.process = self._uvicorn(app, env) if app else self._shop(options, env)

    def _shop(self, options: Sequence[str], env: dict[str, str]) -> WarmProcess:
        command = ["serve", f"127.0.0.1:{self.port}", "--grace", "3", *options]
        return WarmProcess(command, env, self.log_path, self.log_path)

    def _uvicorn(self, app: str, env: dict[str, str]) -> WarmProcess:
        arguments = [app, "--port", str(self.port), "--no-access-log", "--timeout-graceful-shutdown", "3"]
        return WarmProcess(arguments, env, self.log_path, self.log_path, module="uvicorn")

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_live(self) -> None:
        """Return when /health/live answers. If it does not, raise an exception with the server's log."""
        wait_until_started(self.process, lambda: responds(f"{self.url}/health/live"), lambda: self.log)

    def kill(self) -> None:
        """Send SIGKILL, and wait until the process has ended."""
        self.process.kill()
        self.process.wait()

    def stop(self, how: int = signal.SIGTERM, timeout_s: float = 60) -> float:
        """Send a signal and return the seconds until the process ended. Raises subprocess.TimeoutExpired."""
        start = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(timeout_s)
        return time.monotonic() - start


class Shop:
    """A separate database, and the server processes that use it."""

    def __init__(self, database_url: str, folder: Path, unblock: Callable, env: dict[str, str]) -> None:
        self.database_url, self.folder, self._unblock = database_url, folder, unblock
        ours = {"DATABASE_URL": database_url, "RATE_LIMITS": "off", "SECRET_KEY": settings.SECRET_KEY}
        ours |= {"WEB_THREADS": "4"}  # many servers of tests share one PostgreSQL, and its connections
        budgets = {"REDIS_PREFIX": f"test-{uuid4().hex}:"}  # unless the environment has one: see `unspent_budgets`
        self.env = {**budgets, **os.environ, **ours, **env}
        self.servers: list[Server] = []

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    @property
    def url(self) -> str:
        return self.servers[0].url

    def start(self, processes: int = 1, *options: str, **env: str) -> Server:
        """Start more server processes; `env` overrides the shop's. Returns the last one when all of them answer."""
        servers = [Server(self.folder, {**self.env, **env}, options=options) for _ in range(processes)]
        self.servers += servers
        for server in servers:
            server.wait_until_live()
        return self.servers[-1]

    @contextmanager
    def database(self) -> Iterator[None]:
        """Let this thread's ORM, and so factories and actions, use the shop's database."""
        with self._unblock(), using(self.database_url), override_settings(PASSWORD_HASHERS=REAL_HASHERS):
            yield

    def kill_all(self) -> None:
        end(*(server.process for server in self.servers))


@contextmanager
def using(database_url: str) -> Iterator[None]:
    """Replace the default connection of this thread by one to `database_url` while the block runs."""
    config = databases.configured(
        environ.Env.db_url_config(database_url),
        lock_timeout_s=settings.LOCK_TIMEOUT_S,
        statement_timeout_s=settings.STATEMENT_TIMEOUT_S,
        sqlite_synchronous=settings.SQLITE_SYNCHRONOUS,
    )
    before, inside = connections["default"], ConnectionHandler({"default": config})["default"]
    connections["default"] = inside
    try:
        yield
    finally:
        connections["default"] = before
        inside.close()


def _own_ports() -> Iterator[int]:
    """Yield, in an endless cycle, the ports of PORTS that only this worker of the test run uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = PORTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    start = random.randrange(len(ports))
    return itertools.cycle([*ports[start:], *ports[:start]])


_ports = _own_ports()


def free_port() -> int:
    """Return a free port. The next few thousand calls do not return it again."""
    while True:
        port = next(_ports)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


# -- Fresh databases --------------------------------------------------------------------------------------------
def _server_url() -> str | None:
    """Return the URL of the configured PostgreSQL server, or None on SQLite."""
    url = os.environ.get("DATABASE_URL", "")
    return None if not url or url.startswith("sqlite") else url


def _renamed(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _administer(server_url: str, statement: str) -> None:
    url = _renamed(server_url, "postgres").replace("psql://", "postgresql://").replace("pgsql://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(statement)


def unsynced(database: str) -> str:
    """Return the statement after which commits of new connections do not wait for the disk."""
    return f'ALTER DATABASE "{database}" SET synchronous_commit = off'


@contextmanager
def fresh_database(folder: Path, template_url: str | None = None) -> Iterator[str]:
    """Yield the URL of a new database, empty or a copy of `template_url`. On PostgreSQL, drop it after the block."""
    server_url, name = _server_url(), f"live_{uuid4().hex[:16]}"
    if server_url is None:
        path = folder / "db.sqlite3"
        if template_url is not None:
            shutil.copy(database_of(template_url), path)
        yield f"sqlite:///{path}"
        return
    template = f" TEMPLATE {database_of(template_url)}" if template_url else ""
    _administer(server_url, f"CREATE DATABASE {name}{template}")
    _administer(server_url, unsynced(name))
    try:
        yield _renamed(server_url, name)
    finally:
        _administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def database_of(url: str) -> str:
    """Return the path of a database on SQLite, or its name on PostgreSQL."""
    path = urlsplit(url).path
    return path.removeprefix("/") if _server_url() else path


def _migrated(url: str, unblock: Callable) -> None:
    with unblock(), using(url):
        call_command("migrate", verbosity=0)


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker) -> Iterator[str]:
    """The URL of an empty, migrated database. Copy it; never write to it.

    On SQLite the workers of a test run share it: migrating takes 2 s. On PostgreSQL each has its own.
    """
    if _server_url():
        with fresh_database(tmp_path_factory.mktemp("template")) as url:
            _migrated(url, django_db_blocker.unblock)
            yield url
        return
    folder = tmp_path_factory.getbasetemp()  # the worker's
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    path = folder / "template.sqlite3"
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = tmp_path_factory.mktemp("template") / "db.sqlite3"
            _migrated(f"sqlite:///{unfinished}", django_db_blocker.unblock)
            unfinished.rename(path)
    yield f"sqlite:///{path}"


@pytest.fixture
def live_shop(tmp_path: Path, migrated_template: str, django_db_blocker) -> Iterator[Callable[..., Shop]]:
    """Start a shop: `live_shop(processes=1, **env)`. Its processes are killed when the test ends.

    With `processes=0`, the test starts the servers itself.
    """
    with fresh_database(tmp_path, migrated_template) as url:
        shops: list[Shop] = []

        def start(processes: int = 1, **env: str) -> Shop:
            shop = Shop(url, tmp_path, django_db_blocker.unblock, env)
            shops.append(shop)
            if processes:
                shop.start(processes)
            return shop

        yield start
        for shop in shops:
            shop.kill_all()


@pytest.fixture(scope="module")
def live_shops(tmp_path_factory, migrated_template: str, django_db_blocker) -> Iterator[Callable[..., Shop]]:
    """Start shops for a whole module, each with a fresh database: `live_shops(processes=1, **env)`."""
    with ExitStack() as stack:

        def start(processes: int = 1, **env: str) -> Shop:
            folder = tmp_path_factory.mktemp("shop")
            url = stack.enter_context(fresh_database(folder, migrated_template))
            shop = Shop(url, folder, django_db_blocker.unblock, env)
            stack.callback(shop.kill_all)
            if processes:
                shop.start(processes)
            return shop

        yield start
