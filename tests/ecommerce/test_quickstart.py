"""`manage.py quickstart`, as a process, and what it refuses."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from ecommerce import triggers
from orders.demo.loading import prepare
from tests.factories import make_product
from tests.live import ROOT, free_port, fresh_database, using
from tests.rpc import health_of
from tests.webhooks.hooks import make_endpoint
from tests.webhooks.servers import OK, server

END_S = 10  # it ends within 5 s; a machine that is busy with other tests is given twice that

START_S = 60


class Quickstart:
    """One process of the command."""

    def __init__(self, folder: Path, database_url: str, *options: str, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.out, self.err = folder / "out", folder / "err"
        self.grpc_port = free_port()
        addresses = ["--http", f"127.0.0.1:{self.port}", "--grpc", f"127.0.0.1:{self.grpc_port}"]
        command = [sys.executable, "manage.py", "quickstart", *addresses, *options]
        inherited = {name: value for name, value in os.environ.items() if name not in ("LOG_LEVEL", "DEMO_PASSWORD")}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**inherited, "DATABASE_URL": database_url, **env}, stdout=out, stderr=err
            )

    def wait_until_ready(self) -> str:
        """Return what it printed once /health/ready answers 200."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=START_S).status_code == 200:
                    return self.out.read_text()
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"Not ready:\n{self.err.read_text()}")

    def listens(self) -> bool:
        """Whether any of its ports still takes connections."""
        return any(socket.socket().connect_ex(("127.0.0.1", port)) == 0 for port in (self.port, self.grpc_port))

    def stop(self, how: int) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds it took."""
        start = time.monotonic()
        self.process.send_signal(how)
        return self.process.wait(20), time.monotonic() - start


@pytest.fixture
def database_url(tmp_path) -> Iterator[str]:
    with fresh_database(tmp_path) as url:
        yield url


@pytest.fixture
def quickstart(tmp_path, database_url) -> Iterator[Callable[..., Quickstart]]:
    started: list[Quickstart] = []

    def start(*options: str, **env: str) -> Quickstart:
        started.append(Quickstart(tmp_path, database_url, *options, **env))
        return started[-1]

    yield start
    for process in started:
        process.process.kill()


@pytest.fixture
def in_database(database_url, django_db_blocker) -> Iterator[None]:
    """This process's ORM works in the database that quickstart is given."""
    with django_db_blocker.unblock(), using(database_url):
        yield


def everything() -> dict[str, list[tuple]]:
    """Every row of every table."""
    return {model._meta.db_table: sorted(model.objects.values_list(), key=repr) for model in apps.get_models()}


def half_open(port: int, text: str) -> socket.socket:
    """A client that sends this much, and then nothing."""
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(text.replace("\n", "\r\n").encode())
    return client


@pytest.mark.usefixtures("requires_curl")
def test_from_nothing_to_a_shop_whose_suggestions_work(quickstart):
    shop = quickstart(RATE_LIMITS="on")
    printed = shop.wait_until_ready()

    assert httpx.get(f"{shop.url}/api/v1/products").json()["pagination"]["total"] == 216
    for path in ("/api/v1/products", "/api/docs", "/graphql", "/admin/"):
        assert f"{shop.url}{path}" in printed
        page = httpx.get(f"{shop.url}{path}", headers={"Accept": "text/html, */*"}, follow_redirects=True)
        assert page.status_code == 200
    script = "\n".join(re.findall(r"^ {5}((?:curl|TOKEN=).*)$", printed, re.MULTILINE))
    tried = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=30, check=True)
    assert tried.stdout.count('"name":"Eraser, natural rubber"') == 2  # over REST and over GraphQL
    assert '"status":"pending"' in tried.stdout
    assert shop.err.read_text() == ""


def test_signals_end_it_though_clients_hold_on(quickstart):
    shop = quickstart("--workers", "2", DEMO_PASSWORD="open sesame")
    assert "staff / open sesame" in shop.wait_until_ready()
    with half_open(shop.port, "GET /health/live HTTP/1.1\nHost: localhost\n\n") as idle:
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        with half_open(shop.port, "POST /api/v1/orders HTTP/1.1\nHost: localhost\nContent-Length: 9\n\n{"):
            code, seconds = shop.stop(signal.SIGTERM)

    assert (code, seconds < END_S) == (0, True)
    assert socket.socket().connect_ex(("127.0.0.1", shop.port)) != 0


def test_second_start_changes_nothing_and_starts(quickstart, in_database):
    call_command("migrate", verbosity=0)
    prepare("first")
    before = everything()

    shop = quickstart(DEMO_PASSWORD="second", RATE_LIMITS="off")
    printed = shop.wait_until_ready()
    with half_open(shop.port, "POST /api/v1/orders HTTP/1.1\nHost: localhost\nContent-Length: 9\n\n{"):
        code, seconds = shop.stop(signal.SIGINT)

    assert everything() == before
    assert "staff and customer: with the password of the first start" in printed
    assert "second" not in printed
    assert (code, seconds < END_S) == (0, True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_processes_end_when_the_first_is_killed(quickstart, workers):
    shop = quickstart("--workers", workers)
    shop.wait_until_ready()

    shop.process.kill()

    deadline = time.monotonic() + 5
    while shop.listens():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_grpc_is_served_and_counts_for_readiness(quickstart):
    shop = quickstart()
    printed = shop.wait_until_ready()
    child = child_of(shop.process.pid, "grpcrunserver")

    assert f"gRPC       127.0.0.1:{shop.grpc_port}" in printed
    assert health_of(shop.grpc_port, "ecommerce.ProductService") == "SERVING"
    os.kill(child, signal.SIGKILL)

    deadline = time.monotonic() + 20
    while (answer := httpx.get(f"{shop.url}/health/ready", timeout=10)).status_code == 200:
        assert time.monotonic() < deadline
    assert answer.json()["checks"]["grpc"] == "no answer"
    while "The gRPC server ended by itself: exit code -9." not in shop.err.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert shop.stop(signal.SIGTERM)[0] == 0


def child_of(pid: int, command: str) -> int:
    """The process with this command that a process started, on whichever of its threads."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in files for child in file.read_text().split()]
    (found,) = (child for child in children if command.encode() in Path(f"/proc/{child}/cmdline").read_bytes())
    return found


def test_webhooks_are_sent(quickstart, in_database):
    with server(OK) as receiver:
        shop = quickstart(WEBHOOK_ALLOW_HTTP="on", WEBHOOK_PRIVATE_NETWORKS="127.0.0.1/32")
        shop.wait_until_ready()
        make_endpoint(f"http://127.0.0.1:{receiver.port}/hook")
        make_product()

        deadline = time.monotonic() + 20
        while not receiver.requests:
            assert time.monotonic() < deadline, shop.err.read_text()
            time.sleep(0.05)

    assert b'{"type":"product.created"' in receiver.requests[0]
    assert shop.stop(signal.SIGTERM)[0] == 0
    assert shop.err.read_text() == ""


@pytest.mark.parametrize("option", ["--http", "--grpc"])
def test_taken_port_is_one_line(tmp_path, database_url, option):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        other = {"--http": "--grpc", "--grpc": "--http"}[option]
        run = subprocess.run(
            [sys.executable, "manage.py", "quickstart", option, address, other, f"127.0.0.1:{free_port()}"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert (run.returncode, run.stdout) == (1, "")
    assert re.fullmatch(r"CommandError: Port \d+ of 127\.0\.0\.1 is taken: .*\n", run.stderr)


def refusal(*options: str) -> str:
    """What quickstart says in this process."""
    http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with pytest.raises(CommandError) as refused:
        call_command("quickstart", "--http", http, "--grpc", grpc, *options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("/proc/shop.sqlite3", "No such file or directory"),
        ("{tmp}/none/shop.sqlite3", "No such file or directory"),
        ("{tmp}/text/shop.sqlite3", "Not a directory"),
        ("{tmp}/text", "file is not a database"),
        ("{tmp}", "Is a directory"),
    ],
)
def test_place_that_cannot_hold_a_database_is_one_line(tmp_path, django_db_blocker, where, reason):
    (tmp_path / "text").write_text("no database, and longer than the header of one would be, which SQLite reads" * 9)
    path = where.format(tmp=tmp_path)

    with django_db_blocker.unblock(), using(f"sqlite:///{path}"):
        assert refusal() == f"The database {path} can't be used: {reason}."


def test_foreign_file_is_refused_and_left_as_it_is(tmp_path, django_db_blocker):
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as ledger:
        ledger.execute("CREATE TABLE entry (amount)")
    ledger.close()
    before = path.read_bytes()

    with django_db_blocker.unblock(), using(f"sqlite:///{path}"):
        assert "ledger.sqlite3 holds the tables of another program" in refusal()

    assert path.read_bytes() == before


def test_foreign_tables_are_refused(in_database):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE entry (amount integer)")

    assert "holds the tables of another program" in refusal()
    assert connection.introspection.table_names() == ["entry"]


@pytest.mark.parametrize(
    ("app", "reason"), [("blog", "holds the tables of another program"), ("orders", "a newer version of the shop")]
)
def test_unknown_migration_is_refused(in_database, app, reason):
    call_command("migrate", verbosity=0)
    MigrationRecorder(connection).record_applied(app, "0099_future")
    before = everything()

    assert reason in refusal()
    assert everything() == before


def test_missing_trigger_is_one_line(in_database):
    call_command("migrate", verbosity=0)
    name, trigger = next(iter(triggers._REGISTRY.items()))
    with connection.cursor() as cursor:
        for statement in trigger.drop_sql(connection.vendor):
            cursor.execute(statement)

    assert refusal() == f"The database lacks {name}: run `python manage.py installtriggers`."


def test_database_that_does_not_answer_is_one_line(django_db_blocker):
    with django_db_blocker.unblock(), using(f"postgres://postgres@127.0.0.1:{free_port()}/shop"):
        assert refusal().startswith("The database shop does not work: connection failed")


@pytest.mark.parametrize("address", ["8000", "127.0.0.1:", ":8000", "127.0.0.1:http", "127.0.0.1:65536"])
@pytest.mark.parametrize("option", ["--http", "--grpc"])
def test_address_is_host_and_port(option, address):
    with pytest.raises(CommandError, match="is no address: write HOST:PORT"):
        call_command("quickstart", option, address)
