"""`manage.py quickstart`, as a process, and what it refuses."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

import grpc
import httpx
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from core import triggers
from core.models import KeyFingerprint
from samples.demo.loading import prepare
from tests.support.factories import make_product
from tests.support.live import free_port, fresh_database, using
from tests.support.processes import child_of, end
from tests.support.quickstart import Quickstart
from tests.support.rpc import TIMEOUT_S, health_of
from tests.support.waiting import START_S, wait_until
from tests.support.warm_start import run_command
from tests.webhooks.hooks import make_endpoint
from tests.webhooks.servers import OK, server

pytestmark = pytest.mark.live

END_S = 25  # it ends within 5 s; a machine that is busy with other tests is given five times that


@pytest.fixture
def database_url(tmp_path) -> Iterator[str]:
    with fresh_database(tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def demo_template(tmp_path_factory, migrated_template, django_db_blocker) -> Iterator[str]:
    """A database with the demo data, as a first start of quickstart leaves it."""
    with fresh_database(tmp_path_factory.mktemp("demo"), migrated_template) as url:
        with django_db_blocker.unblock(), using(url):
            prepare("first")
        yield url


@pytest.fixture
def demo_url(tmp_path, demo_template) -> Iterator[str]:
    with fresh_database(tmp_path, demo_template) as url:
        yield url


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Quickstart]]:
    started: list[Quickstart] = []

    def start(database_url: str, *options: str, **env: str) -> Quickstart:
        started.append(Quickstart(tmp_path, database_url, *options, **env))
        return started[-1]

    yield start
    end(*(shop.process for shop in started))


@pytest.fixture
def quickstart(start, demo_url) -> Callable[..., Quickstart]:
    """Start the command on a database that has the demo data."""
    return partial(start, demo_url)


@pytest.fixture
def in_demo(demo_url, django_db_blocker) -> Iterator[None]:
    """This process's ORM works in the database with the demo data."""
    with django_db_blocker.unblock(), using(demo_url):
        yield


@pytest.fixture
def in_database(database_url, django_db_blocker) -> Iterator[None]:
    """This process's ORM works in the database that quickstart is given."""
    with django_db_blocker.unblock(), using(database_url):
        yield


@pytest.fixture
def migrated_url(tmp_path, migrated_template) -> Iterator[str]:
    with fresh_database(tmp_path, migrated_template) as url:
        yield url


@pytest.fixture
def in_migrated(migrated_url, django_db_blocker) -> Iterator[None]:
    """This process's ORM works in a migrated database without rows."""
    with django_db_blocker.unblock(), using(migrated_url):
        yield


def everything() -> dict[str, list[tuple]]:
    """Every row of every table, without the fingerprint of SECRET_KEY, which the first server records."""
    models = [model for model in apps.get_models() if model is not KeyFingerprint]
    return {model._meta.db_table: sorted(model.objects.values_list(), key=repr) for model in models}


def half_open(port: int, text: str) -> socket.socket:
    """A client that sends this much, and then nothing."""
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(text.replace("\n", "\r\n").encode())
    return client


@pytest.mark.usefixtures("requires_curl")
def test_from_nothing_to_a_shop_whose_suggestions_work(start, database_url):
    shop = start(database_url, RATE_LIMITS="on")
    printed = shop.wait_until_ready()

    assert httpx.get(f"{shop.url}/api/v1/products").json()["pagination"]["total"] == 216
    assert httpx.post(f"{shop.url}/compare/sign-in?as=customer").json()["username"] == "customer"
    for path in ("/", "/api/v1/products", "/api/docs", "/graphql", "/admin/"):
        assert f"{shop.url}{path}" in printed
        page = httpx.get(f"{shop.url}{path}", headers={"Accept": "text/html, */*"}, follow_redirects=True)
        assert page.status_code == 200
    script = "\n".join(re.findall(r"^ {5}((?:curl|TOKEN=|\S+ examples/).*)$", printed, re.MULTILINE))
    tried = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=True)
    assert "ListProducts" in tried.stdout  # of the example of gRPC, by the interpreter that runs the shop
    assert tried.stdout.count('"name":"Eraser, natural rubber"') == 2  # over REST and over GraphQL
    assert '"status":"pending"' in tried.stdout
    assert shop.err.read_text() == ""


def test_signals_end_it_though_clients_hold_on(start, migrated_url):
    shop = start(migrated_url, "--workers", "2", DEMO_PASSWORD="open sesame")
    assert "staff / open sesame" in shop.wait_until_ready()
    with half_open(shop.port, "GET /health/live HTTP/1.1\nHost: localhost\n\n") as idle:
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        with half_open(shop.port, "POST /api/v1/orders HTTP/1.1\nHost: localhost\nContent-Length: 9\n\n{"):
            code, seconds = shop.stop(signal.SIGTERM)

    assert (code, seconds < END_S) == (0, True)
    assert socket.socket().connect_ex(("127.0.0.1", shop.port)) != 0


def test_second_start_changes_nothing_and_starts(quickstart, in_demo):
    before = everything()

    shop = quickstart(DEMO_PASSWORD="second", RATE_LIMITS="off", ALLOWED_HOSTS="127.0.0.1")
    printed = shop.wait_until_ready()
    assert httpx.post(f"{shop.url}/compare/sign-in?as=staff").status_code == 404  # maybe behind a proxy
    with half_open(shop.port, "POST /api/v1/orders HTTP/1.1\nHost: localhost\nContent-Length: 9\n\n{"):
        code, seconds = shop.stop(signal.SIGINT)

    assert everything() == before
    assert "staff and customer: use the password of the first start" in printed
    assert "second" not in printed
    assert (code, seconds < END_S) == (0, True)


def test_all_processes_end_when_the_first_is_killed(quickstart):
    shop = quickstart("--workers", "2")
    shop.wait_until_ready()

    shop.process.kill()

    wait_until(lambda: not shop.listens())


def services_listed(port: int) -> bytes:
    """Return what reflection tells a stranger of the services."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        return b"".join(call(iter([b"\x3a\x00"]), timeout=TIMEOUT_S))  # list_services: ""


def test_grpc_is_served_counts_for_readiness_and_is_started_again(quickstart):
    shop = quickstart()
    printed = shop.wait_until_ready()
    child = child_of(shop.process.pid, "grpcrunserver")

    assert f"gRPC       127.0.0.1:{shop.grpc_port}" in printed
    assert health_of(shop.grpc_port, "ecommerce.ProductService") == "SERVING"
    assert b"ecommerce.ProductService" in services_listed(shop.grpc_port)
    os.kill(child, signal.SIGSTOP)  # and not killed at once: its restart would end the state that is looked for

    wait_until(lambda: httpx.get(f"{shop.url}/health/ready", timeout=START_S).status_code != 200)
    checks = httpx.get(f"{shop.url}/health/ready", timeout=START_S).json()["checks"]
    assert checks["grpc"] == "no answer"
    os.kill(child, signal.SIGKILL)
    shop.wait_until_ready()
    assert "grpcrunserver exited unexpectedly: exit code -9. It is restarted." in shop.err.read_text()
    assert child_of(shop.process.pid, "grpcrunserver") != child
    assert shop.stop(signal.SIGTERM)[0] == 0


def test_webhooks_are_sent(quickstart, in_demo):
    with server(OK) as receiver:
        shop = quickstart(WEBHOOK_ALLOW_HTTP="on", WEBHOOK_PRIVATE_NETWORKS="127.0.0.1/32")
        shop.wait_until_ready()
        os.kill(child_of(shop.process.pid, "deliverwebhooks"), signal.SIGKILL)  # it is started again
        make_endpoint(f"http://127.0.0.1:{receiver.port}/hook")
        make_product()

        wait_until(lambda: receiver.requests, shop.err.read_text)

    assert b'{"type":"product.created"' in receiver.requests[0]
    assert shop.stop(signal.SIGTERM)[0] == 0
    assert shop.err.read_text().count("deliverwebhooks exited unexpectedly: exit code -9. It is restarted.") == 1


@pytest.mark.parametrize("option", ["--http", "--grpc"])
def test_taken_port_is_one_line(database_url, option):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        other = {"--http": "--grpc", "--grpc": "--http"}[option]
        addresses = (option, address, other, f"127.0.0.1:{free_port()}")
        run = run_command("quickstart", *addresses, env={**os.environ, "DATABASE_URL": database_url})

    assert (run.returncode, run.stdout) == (1, "")
    assert re.fullmatch(r"CommandError: Port \d+ of 127\.0\.0\.1 is in use: .*\n", run.stderr)


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


def test_database_in_memory_is_refused(django_db_blocker):
    with django_db_blocker.unblock(), using("sqlite://:memory:"):
        assert refusal().startswith("The database must be a file: in memory, every thread would have a database")


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
def test_unknown_migration_is_refused(in_migrated, app, reason):
    MigrationRecorder(connection).record_applied(app, "0099_future")
    before = everything()

    assert reason in refusal()
    assert everything() == before


def test_missing_trigger_is_one_line(in_migrated):
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
    with pytest.raises(CommandError, match="is not an address: write HOST:PORT"):
        call_command("quickstart", option, address)
