"""`manage.py grpcrunserver` with workers: how they share the port, are started again, and end."""

import os
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.factories import make_product
from tests.support.live import free_port
from tests.support.processes import children_of
from tests.support.rpc import GrpcShop
from tests.support.waiting import wait_until
from tests.support.warm_start import run_command

pytestmark = [pytest.mark.live, pytest.mark.unmeasured]


def test_workers_share_the_port_are_started_again_and_end_together(grpc_shops):
    shop = grpc_shops("--workers", "2")
    server = shop.servers[0]
    server.wait_until_said(2)

    answers = {shop.client().call("ListProducts").total for n in range(8)}
    assert answers == {0}
    assert listening_on(server.port) == 2
    kill_one_of_two(shop)
    seconds = server.stop()

    assert (server.process.returncode, seconds < 20) == (0, True), server.log
    assert socket.socket().connect_ex(("127.0.0.1", server.port)) != 0


def listening_on(port: int) -> int:
    """How many sockets listen on a port: state 0A of /proc/net/tcp and tcp6."""
    files = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for file in files if file.exists() for line in file.read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def kill_one_of_two(shop: GrpcShop) -> None:
    """Kill a worker: it is started again, and the other finishes its calls."""
    server = shop.servers[0]
    with shop.database():
        product = make_product(stock=1)
    watchers = [shop.client().open("WatchProducts", id=product.pk) for _ in range(16)]
    killed, other = children_of(server.pid)

    os.kill(killed, signal.SIGKILL)
    server.wait_until_said(3)
    with shop.database():
        type(product).objects.filter(pk=product.pk).update(stock=7)
    told = Counter(next_stock(watcher) for watcher in watchers)

    assert other in children_of(server.pid)
    assert len(children_of(server.pid)) == listening_on(server.port) == 2
    assert set(told) <= {7, "UNAVAILABLE"}
    assert told[7] > 0
    assert "grpcrunserver exited unexpectedly: exit code -9. It is restarted." in server.log


def next_stock(watcher: Any) -> int | str:
    try:
        return next(watcher).new_stock
    except grpc.RpcError as error:
        return error.code().name


@pytest.mark.same_everywhere
def test_workers_that_fail_as_soon_as_they_start_end_the_command(tmp_path):
    env = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    env["PYTHONHOME"] = str(tmp_path)  # without Python's own modules: the workers fail at once

    run = run_command("grpcrunserver", f"127.0.0.1:{free_port()}", "--workers", "2", env=env, timeout_s=240)

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "CommandError: grpcrunserver fails as soon as it starts: exit code 1. Its log says why."
    )


def test_workers_end_when_their_parent_is_killed(grpc_shops):
    shop = grpc_shops("--workers", "2")
    server = shop.servers[0]
    server.wait_until_said(2)

    server.kill()

    wait_until(lambda: listening_on(server.port) == 0)
    assert socket.socket().connect_ex(("127.0.0.1", server.port)) != 0
