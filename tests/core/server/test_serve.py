"""`manage.py serve`, as a process with workers: how it starts, goes on and ends."""

import errno
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from websockets.sync.client import connect

from core.server.serving import bind, first_limit
from tests.support.live import Server, fresh_database, using
from tests.support.processes import children_of, end, peer_ports_of
from tests.support.waiting import START_S, wait_until
from tests.support.warm_start import WarmProcess, run_command

pytestmark = pytest.mark.live

BODY = b'{"username": "nobody", "password": "wrong"}'


class Workers(Server):
    """`manage.py serve` with two workers, and more options."""

    def __init__(self, folder: Path, env: dict[str, str], *options: str) -> None:
        super().__init__(folder, env, options=["--workers", "2", *options])

    @property
    def workers(self) -> list[int]:
        return children_of(self.pid)


@pytest.fixture
def serve(tmp_path, migrated_template) -> Iterator[Callable[..., Workers]]:
    servers: list[Workers] = []

    def start(*options: str) -> Workers:
        servers.append(Workers(tmp_path, {**os.environ, "DATABASE_URL": url, "RATE_LIMITS": "off"}, *options))
        servers[-1].wait_until_live()
        return servers[-1]

    with fresh_database(tmp_path, migrated_template) as url:
        yield start
        end(*(server.process for server in servers))


def half_sent(port: int) -> socket.socket:
    """A client that has sent a request, and half of its body."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    head = "POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    client.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:20])
    return client


# -- Starting ---------------------------------------------------------------------------------------------------


def test_database_is_left_as_it_is(tmp_path, django_db_blocker):
    with fresh_database(tmp_path) as url:
        server = Server(tmp_path, {**os.environ, "DATABASE_URL": url})
        try:
            server.wait_until_live()
            ready = httpx.get(f"{server.url}/health/ready", timeout=20).status_code
        finally:
            end(server.process)
        with django_db_blocker.unblock(), using(url):
            tables = connection.introspection.table_names()

    assert (ready, tables) == (503, [])


@pytest.mark.same_everywhere
@pytest.mark.parametrize("workers", ["1", "2"])
def test_taken_port_is_one_line_and_exit_1(workers):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        run = run_command("serve", address, "--workers", workers)

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"CommandError: Port {address.rpartition(':')[2]} of 127.0.0.1 is in use: ")
    assert run.stderr.count("\n") == 1


def test_connections_are_refused_until_the_server_listens():
    with bind("127.0.0.1", 0) as listener, socket.socket() as client, socket.socket() as later:
        assert client.connect_ex(listener.getsockname()) == errno.ECONNREFUSED
        listener.listen()
        assert later.connect_ex(listener.getsockname()) == 0


@pytest.mark.parametrize("address", ["8000", "127.0.0.1:", ":8000", "127.0.0.1:http", "127.0.0.1:65536"])
def test_address_is_host_and_port(address):
    with pytest.raises(CommandError, match="is not an address: write HOST:PORT"):
        call_command("serve", address)


# -- Workers ----------------------------------------------------------------------------------------------------


def test_killed_worker_is_started_again_and_the_other_finishes_its_requests_but_all_end_with_their_parent(serve):
    server = serve()
    wait_until(lambda: len(server.workers) == 2)
    with half_sent(server.port) as client:
        wait_until(lambda: bool(owner_of(client, server.workers)))
        killed = next(pid for pid in server.workers if pid != owner_of(client, server.workers))

        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(server.workers) == 2 and killed not in server.workers)
        client.sendall(BODY[20:])
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")

    assert "serve exited unexpectedly: exit code -9. It is restarted." in server.log
    assert [httpx.get(f"{server.url}/health/live", timeout=20).status_code for _ in range(10)] == [200] * 10

    server.kill()
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", server.port)) != 0)


def owner_of(client: socket.socket, pids: list[int]) -> int:
    """Which process has the server's end of a connection; 0 for none yet."""
    port = client.getsockname()[1]
    return next((pid for pid in pids if port in peer_ports_of(pid)), 0)


def limits_of(pids: list[int]) -> list[int]:
    """Return the --max-requests of the workers' command lines, in which the last one counts."""
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    found = [re.findall(r"--max-requests=(\d+)", line) for line in lines]  # none of a process that is not yet a worker
    return sorted(int(each[-1]) for each in found if each)


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("max_requests", "workers", "limits"),
    [
        (500, 2, [250, 500]),
        (100_000, 4, [25_000, 50_000, 75_000, 100_000]),
        (10, 3, [4, 7, 10]),
        (500, 1, [500]),
        (0, 2, [0, 0]),
    ],
)
def test_first_workers_are_not_replaced_at_the_same_time(max_requests, workers, limits):
    assert [first_limit(max_requests, place, workers) for place in range(workers)] == limits


def test_workers_are_replaced_after_their_requests_and_no_request_fails(serve):
    server = serve("--max-requests", "20")
    wait_until(lambda: limits_of(server.workers) == [10, 20])
    before = set(server.workers)
    statuses = []

    def all_are_new() -> bool:
        statuses.append(httpx.get(f"{server.url}/health/live", timeout=START_S).status_code)
        return len(server.workers) == 2 and before.isdisjoint(server.workers)

    wait_until(all_are_new, timeout_s=2 * START_S)

    assert set(statuses) == {200}
    wait_until(lambda: limits_of(server.workers) == [20, 20])
    assert "serve has ended as planned, and is replaced." in server.log
    assert "unexpectedly" not in server.log


class DualStack(Server):
    """`manage.py serve` at a socket of IPv6, which IPv4 reaches too."""

    def _shop(self, options: Sequence[str], env: dict[str, str]) -> WarmProcess:
        return WarmProcess(["serve", f"[::]:{self.port}", "--grace", "3", *options], env, self.log_path, self.log_path)


def test_proxy_over_ipv4_is_trusted_at_a_socket_of_ipv6(tmp_path, migrated_template):
    given = {"X-Forwarded-For": "203.0.113.9"}
    with fresh_database(tmp_path, migrated_template) as url:
        env = {**os.environ, "DATABASE_URL": url, "FORWARDED_ALLOW_IPS": "127.0.0.1", "LOG_LEVEL": "INFO"}
        server = DualStack(tmp_path, env)
        server.wait_until_live()
        for path in ("/api/v1/products", "/nowhere"):
            httpx.get(server.url + path, headers=given)
        httpx.get(f"{server.url}/elsewhere")
        address = f"ws://127.0.0.1:{server.port}/graphql"
        with connect(address, subprotocols=["graphql-transport-ws"], additional_headers=given):
            pass
        wait_until(lambda: '"path": "/graphql"' in server.log)
        end(server.process)

    addresses = dict(re.findall(r'"path": "([^"]+)".*"address": "([^"]+)"', server.log))
    proxied = dict.fromkeys(("/api/v1/products", "/nowhere", "/graphql"), "203.0.113.9")
    assert {path: addresses[path] for path in (*proxied, "/elsewhere")} == {**proxied, "/elsewhere": "127.0.0.1"}


# -- Ending -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_requests_in_progress_finish_and_a_new_connection_send_its_first(serve, number):
    server = serve("--grace", "20")
    with half_sent(server.port) as client, socket.create_connection(("127.0.0.1", server.port), timeout=20) as new:
        new.sendall(b"GET /health/live HTTP/1.1\r\nHost: ")
        wait_until(lambda: owner_of(client, server.workers) and owner_of(new, server.workers))

        server.process.send_signal(number)
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", server.port)) != 0)
        new.sendall(b"localhost\r\n\r\n")
        first = b"".join(iter(lambda: new.recv(65_536), b""))
        client.sendall(BODY[20:])
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")

    assert first.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in first.lower()
    assert server.process.wait(START_S) == 0
    assert "Traceback" not in server.log


def test_idle_connection_may_send_one_more_request_during_the_end(serve):
    server = serve("--grace", "20")
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(request)
        first = b""
        while not first.endswith(b'{"status": "ok"}'):  # head and body may arrive one after the other
            first += client.recv(65_536)

        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", server.port)) != 0)
        client.sendall(request)
        last = b"".join(iter(lambda: client.recv(65_536), b""))

    assert [answer[:13] for answer in (first, last)] == [b"HTTP/1.1 200 "] * 2
    assert [b"connection: close" in answer.lower() for answer in (first, last)] == [False, True]
    assert server.process.wait(START_S) == 0


def test_connection_that_begins_during_the_end_is_answered_or_refused_but_not_reset(serve):
    server, outcomes, ends = serve("--grace", "5"), [], threading.Event()

    def ask_until_refused() -> None:
        while not ends.is_set():
            outcomes.append(outcome := outcome_of_new_connection(server.port))
            if outcome == "refused":
                return

    clients = [threading.Thread(target=ask_until_refused) for _ in range(8)]
    for client in clients:
        client.start()
    wait_until(lambda: len(outcomes) > 100)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(START_S)
    ends.set()
    for client in clients:
        client.join()

    assert set(outcomes) == {"answered", "refused"}


def outcome_of_new_connection(port: int) -> str:
    """Return what a request on a new connection gets."""
    with socket.socket() as client:
        client.settimeout(20)
        if client.connect_ex(("127.0.0.1", port)):
            return "refused"
        try:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return "answered" if client.recv(100).startswith(b"HTTP/1.1 200 ") else "closed"
        except OSError:
            return "reset"


def test_idle_connections_do_not_hold_the_end_up(serve):
    server = serve("--grace", "60")
    with httpx.Client() as client:
        client.get(f"{server.url}/health/live").raise_for_status()

        seconds = server.stop(timeout_s=START_S)

    assert (server.process.returncode, seconds < 30) == (0, True)


def test_request_that_does_not_finish_is_cut_off_after_the_grace(serve):
    server = serve("--grace", "0.5")
    with half_sent(server.port) as client:
        wait_until(lambda: bool(owner_of(client, server.workers)))

        seconds = server.stop(timeout_s=START_S)

    assert (server.process.returncode, 0.5 <= seconds < 30) == (0, True)  # the request would wait a minute for its body
