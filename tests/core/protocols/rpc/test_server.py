"""`manage.py grpcrunserver`, as processes: how it starts, what it limits, how it ends."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos import product_pb2 as pb
from tests.support.factories import make_product, make_staff
from tests.support.live import free_port
from tests.support.rpc import TIMEOUT_S, GrpcServer, GrpcShop, end_of, health_of, refusal_in
from tests.support.waiting import wait_until
from tests.support.warm_start import WarmProcess, run_command


@pytest.fixture(scope="module")
def shop(grpc_shops) -> GrpcShop:
    return grpc_shops()


# -- Starting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
def test_taken_port_is_one_line_and_exit_1(shop, options):
    taken = run_command("grpcrunserver", f"127.0.0.1:{shop.servers[0].port}", *options, env=shop.env)

    assert (taken.returncode, taken.stdout) == (1, "")
    assert re.fullmatch(r"CommandError: Port \d+ of 127\.0\.0\.1 is in use: .*\n", taken.stderr)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["nowhere"], "'nowhere' is not an address: write HOST:PORT"),
        (["127.0.0.1:70000"], "'127.0.0.1:70000' is not an address: write HOST:PORT"),
        (["192.0.2.1:27000"], "Can't listen on port 27000 of 192.0.2.1"),
        (["--tls-cert", "cert.pem"], "TLS needs both --tls-cert and --tls-key."),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "The file none.pem can't be read: No such file"),
        (["--dev", "--workers", "2"], "--dev runs one process: leave out --workers."),
    ],
)
def test_what_cannot_be_is_one_line(options, text):
    with pytest.raises(CommandError) as refused:
        call_command("grpcrunserver", *options)

    assert str(refused.value).startswith(text)
    assert "\n" not in str(refused.value)


def test_health_is_told_of_the_whole_and_of_each_service(shop):
    names = ["", *(f"ecommerce.{name}Service" for name in ("Product", "Order", "Account"))]

    assert {health_of(shop.servers[0].port, name) for name in names} == {"SERVING"}
    assert health_of(shop.servers[0].port, "ecommerce.Nothing") == "NOT_FOUND"
    with grpc.insecure_channel(f"127.0.0.1:{shop.servers[0].port}") as channel:
        listed = health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest(), timeout=TIMEOUT_S)
    assert {name: found.status for name, found in listed.statuses.items() if name in names} == dict.fromkeys(names, 1)


def test_wildcard_serves_both_kinds_of_address(tmp_path, shop):
    port, log = free_port(), tmp_path / "log"
    process = WarmProcess(["grpcrunserver", str(port)], shop.env, log, log)
    try:
        wait_until(lambda: health_of(port) == "SERVING")
        with socket.socket(socket.AF_INET6) as probe:
            has_ipv6 = probe.connect_ex(("::1", port)) == 0
    finally:
        process.terminate()
    assert process.wait(60) == 0
    assert has_ipv6 or "0.0.0.0" in log.read_text()


# -- Limits -----------------------------------------------------------------------------------------------------


def test_message_above_4_mib_is_refused_and_one_below_is_read(shop):
    with shop.database():
        client = shop.client(make_staff())

    above = client.refusal("CreateProduct", name="x", price=1, description="x" * 5 * 1024 * 1024)
    below = client.refusal("CreateProduct", name="x", price=1, description="x" * 3 * 1024 * 1024)

    assert above.code == "RESOURCE_EXHAUSTED"
    assert below.fields == {"description": "Description has at most 20000 characters"}


def test_metadata_above_16_kib_is_refused_and_below_is_read(shop):
    with shop.database():
        product = make_product()

    refusal = shop.client().refusal("GetProduct", id=product.pk, metadata={"x-long": "x" * 20_000})

    assert refusal.code == "RESOURCE_EXHAUSTED"
    assert shop.client().call("GetProduct", id=product.pk, metadata={"x-long": "x" * 12_000}).product.id == product.pk


def test_call_whose_client_is_gone_does_no_work(shop):
    with shop.database():
        product, staff = make_product(stock=1), make_staff()
    client = shop.client(staff)
    pairs = tuple(client.metadata.items())
    with shop.database(), connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
        cursor.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [product.pk])
        calls = [
            client.method("UpdateProduct").future(pb.UpdateProductRequest(id=product.pk, stock=n), metadata=pairs)
            for n in range(100, 160)  # more than there are threads: most wait
        ]
        time.sleep(0.5)
        for call in calls:
            call.cancel()
        time.sleep(0.5)
        cursor.execute("COMMIT")
    client.call("UpdateProduct", id=product.pk, name="Last")

    with shop.database():
        product.refresh_from_db()
    assert product.version <= 2 + 10 + 1


class Late:
    """A client's message, that comes when it is let go."""

    def __init__(self, content: bytes) -> None:
        self.content, self.go = content, Event()

    def __iter__(self) -> Iterator[bytes]:
        self.go.wait(TIMEOUT_S)
        yield self.content


def test_clients_that_send_no_message_hold_no_thread(shop):
    with shop.database():
        product = make_product(name="Tea")
    client = shop.client()
    silent = client.channel.stream_unary("/ecommerce.ProductService/GetProduct")
    late = Late(pb.GetProductRequest(id=product.pk).SerializeToString())
    waiting = [silent.future(iter(late), timeout=TIMEOUT_S) for _ in range(50)]
    time.sleep(0.5)

    assert client.call("GetProduct", id=product.pk).product.name == "Tea"
    assert not any(call.done() for call in waiting)

    late.go.set()
    answers = [pb.GetProductResponse.FromString(call.result(TIMEOUT_S)) for call in waiting]
    assert {answer.product.name for answer in answers} == {"Tea"}


@pytest.fixture(scope="module")
def impatient(grpc_shops) -> GrpcShop:
    return grpc_shops(BODY_TIMEOUT_S="1")


@pytest.mark.parametrize("method", ["GetProduct", "WatchProducts"])
def test_message_that_does_not_come_is_given_up(impatient, method):
    silent = impatient.client().channel.stream_stream(f"/ecommerce.ProductService/{method}")
    late = Late(b"")
    start = time.monotonic()

    refusal = end_of(silent(iter(late), timeout=TIMEOUT_S))

    assert refusal[:2] == ("INVALID_ARGUMENT", "The message did not arrive within 1 s")
    assert 1 <= time.monotonic() - start < 10
    late.go.set()


# -- TLS --------------------------------------------------------------------------------------------------------


class Certificates:
    """A certificate authority, and what it signed: by the openssl that the machine has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._openssl("req", "-x509", *self._new("ca"), "-subj", "/CN=Test CA", "-days", "2")
        for name, subject in (("server", "localhost"), ("client", "Client")):
            self._openssl("req", *self._new(name), "-subj", f"/CN={subject}")
            (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
            signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext"]
            self._openssl("x509", "-req", "-in", f"{name}.pem", "-out", f"{name}.crt", *signed)

    @staticmethod
    def _new(name: str) -> list[str]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        return [*curve, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem"]

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def channel(self, port: int, *, with_client: bool) -> grpc.Channel:
        names = ("ca.pem", "client.key", "client.crt") if with_client else ("ca.pem",)
        contents = [(self.folder / name).read_bytes() for name in names]
        return grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(*contents))


def served(port: int, channel: Callable[[], grpc.Channel]) -> str:
    """Return the health of a server; a busy machine may take a moment to check its database."""
    deadline = time.monotonic() + 10
    while (health := health_of(port, channel=channel())) == "NOT_SERVING" and time.monotonic() < deadline:
        time.sleep(0.1)
    return health


@pytest.mark.usefixtures("requires_openssl")
def test_tls_and_certificates_of_clients(tmp_path, shop):
    certificates = Certificates(tmp_path)
    pair = ("--tls-cert", certificates.path("server.crt"), "--tls-key", certificates.path("server.key"))
    servers = [
        GrpcServer(tmp_path, shop.env, *pair),
        GrpcServer(tmp_path, shop.env, *pair, "--tls-client-ca", certificates.path("ca.pem"), "--workers", "2"),
    ]
    try:
        servers[0].wait_until_said()
        servers[1].wait_until_said()
        tls, mutual = (server.port for server in servers)

        assert served(tls, lambda: certificates.channel(tls, with_client=False)) == "SERVING"
        assert health_of(tls) == "UNAVAILABLE"
        assert health_of(mutual, channel=certificates.channel(mutual, with_client=False)) == "UNAVAILABLE"
        assert served(mutual, lambda: certificates.channel(mutual, with_client=True)) == "SERVING"
    finally:
        for server in servers:
            server.stop()


# -- Ending -----------------------------------------------------------------------------------------------------


def slow_rows(started: Event, go: Event) -> Iterator[pb.CreateProductRequest]:
    yield pb.CreateProductRequest(name="Early", price=1)
    started.set()
    go.wait(TIMEOUT_S)
    yield pb.CreateProductRequest(name="Late", price=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_calls_finish_ends_streams_with_their_cursor_and_exits_0(grpc_shops, number):
    shop = grpc_shops("--grace", "20")
    with shop.database():
        staff = make_staff()
        product = make_product()
    watcher, started, go = shop.client().open("WatchProducts"), Event(), Event()
    with shop.database():
        type(product).objects.filter(pk=product.pk).update(stock=1)
    cursor = next(watcher).cursor
    client = shop.client(staff)
    health = health_watch(shop.servers[0].port)
    assert next(health) == "SERVING"
    running = client.method("BatchCreateProducts").future(
        slow_rows(started, go), metadata=tuple(client.metadata.items())
    )
    started.wait(TIMEOUT_S)
    time.sleep(0.3)

    shop.servers[0].process.send_signal(number)
    assert next(health) == "NOT_SERVING"
    refusal = end_of(watcher)
    assert not running.done()
    assert shop.servers[0].process.poll() is None
    go.set()

    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "unavailable")
    assert dict(watcher.trailing_metadata())["cursor"] == cursor
    assert running.result(TIMEOUT_S).created_count == 2
    assert shop.servers[0].process.wait(30) == 0


def health_watch(port: int) -> Iterator[str]:
    stub = health_pb2_grpc.HealthStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
    for answer in stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S):
        yield health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def test_call_that_waits_for_a_thread_is_refused_for_those_that_run_to_finish(grpc_shops):
    shop = grpc_shops("--grace", "6", "--max-workers", "2")
    with shop.database():
        product, client = make_product(stock=1), shop.client(make_staff())
    change, pairs = client.method("UpdateProduct"), tuple(client.metadata.items())
    with shop.database(), connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
        cursor.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [product.pk])
        calls = [change.future(pb.UpdateProductRequest(id=product.pk, stock=n), metadata=pairs) for n in range(7)]
        wait_until_waiting(cursor, 2)  # two run, and wait for the row; five wait for a thread
        shop.servers[0].process.send_signal(signal.SIGTERM)
        time.sleep(4.5)  # half of the grace, and a good second: those that wait are refused once a thread is free
        cursor.execute("COMMIT")
    codes = [call.code().name for call in calls]

    assert shop.servers[0].process.wait(30) == 0
    assert sorted(codes) == ["OK"] * 2 + ["UNAVAILABLE"] * 5
    refused = next(call.exception() for call in calls if call.exception())
    assert refusal_in(refused)[1:3] == (
        "The server is shutting down: retry, and resume a stream from its cursor",
        "unavailable",
    )
    with shop.database():
        product.refresh_from_db()
    assert product.version == 1 + 1 + 2


def wait_until_waiting(cursor: CursorWrapper, count: int) -> None:
    """Return when so many connections wait for a lock of the database; SQLite can't say, and gets a second."""
    if connection.vendor == "sqlite":
        time.sleep(1)
        return

    def waiting() -> int:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]

    wait_until(lambda: waiting() == count)


def test_call_that_does_not_finish_is_cut_off_after_the_grace(grpc_shops):
    shop = grpc_shops("--grace", "1")
    with shop.database():
        client = shop.client(make_staff())
    started, go = Event(), Event()
    running = client.method("BatchCreateProducts").future(
        slow_rows(started, go), metadata=tuple(client.metadata.items())
    )
    started.wait(TIMEOUT_S)
    time.sleep(0.3)

    seconds = shop.servers[0].stop()

    assert 1 <= seconds < 30  # the call itself waits for the test
    assert shop.servers[0].process.returncode == 0
    with pytest.raises(grpc.RpcError):
        running.result(TIMEOUT_S)
    go.set()


# -- What ended streams leave -----------------------------------------------------------------------------------


def holdings(server: Any) -> tuple[int, int]:
    """Threads and open files of a process."""
    return len(os.listdir(f"/proc/{server.pid}/task")), len(os.listdir(f"/proc/{server.pid}/fd"))


def test_cancelled_and_broken_streams_leave_nothing_behind(grpc_shops):
    shop = grpc_shops()
    with shop.database():
        make_product()
    open_and_cancel(shop, 20)
    (threads, files), connections_before = settled(shop), connections_to(shop)

    for _ in range(3):
        open_and_cancel(shop, 100)

    # Threads of the pools, which grow as they are needed; connections of streams' threads that had not been needed.
    wait_until(
        lambda: (
            all(now <= bound for now, bound in zip(holdings(shop.servers[0]), (threads + 8, files + 4), strict=True))
            and connections_to(shop) <= connections_before + 4
        )
    )


def open_and_cancel(shop: GrpcShop, count: int) -> None:
    """Half of the streams are cancelled, half lose their connection."""
    clients = [shop.client() for n in range(4)]
    calls = [clients[n % 4].open(("WatchProducts", "LivePriceUpdates")[n % 2], waiting(n)) for n in range(count)]
    for call in calls[: count // 2]:
        call.cancel()
    for client in clients:
        client.channel.close()


def waiting(n: int) -> Any:
    return iter(Event().wait, True) if n % 2 else None


def settled(shop: GrpcShop) -> tuple[int, int]:
    """Return the holdings once they stay the same for a while."""
    found = [holdings(shop.servers[0])]
    while found[-3:] != [found[-1]] * 3:
        time.sleep(0.2)
        found.append(holdings(shop.servers[0]))
    return found[-1]


def connections_to(shop: GrpcShop) -> int:
    if connection.vendor != "postgresql":
        return 0
    with shop.database(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]
