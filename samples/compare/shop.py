"""A shop to measure: quickstart on a temporary database and storage, which are deleted afterwards."""

import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpcore
from django.conf import settings

PORTS = range(20_000, 32_768)
START_S, READINESS_POLL_S, END_S = 120, 0.05, 10
# Settings that would connect the shop to resources of this one, or keep it from answering here.
UNSET = (
    *("REDIS_URL", "REPLICA_URLS", "MEDIA_ROOT", "MEDIA_STORAGE", "MEDIA_STORAGE_OPTIONS", "METRICS_ADDRESS"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "ALLOWED_HOSTS", "HTTPS"),
)


class NoShop(Exception):
    """The shop to measure did not start."""


class MeasuredShop(NamedTuple):
    """The addresses of a running shop, and the password of its demo users."""

    host: str
    port: int
    grpc_port: int
    password: str


@contextmanager
def fresh_shop() -> Iterator[MeasuredShop]:
    """Start a shop with the demo data on SQLite, on free ports of this machine. Raises NoShop."""
    folder = Path(tempfile.mkdtemp(prefix="compare-"))
    port, grpc_port = _free_ports(2)
    shop = MeasuredShop("127.0.0.1", port, grpc_port, secrets.token_urlsafe(12))
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  # of manage.py
                _command(shop), cwd=settings.BASE_DIR, env=_environment(folder, shop), stdout=log, stderr=log
            )
        try:
            _wait_until_ready(shop, process, folder / "log")
            yield shop
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _command(shop: MeasuredShop) -> list[str]:
    addresses = [f"--http={shop.host}:{shop.port}", f"--grpc={shop.host}:{shop.grpc_port}"]
    return [sys.executable, "manage.py", "quickstart", *addresses]


def _environment(folder: Path, shop: MeasuredShop) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name not in UNSET},
        "DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}",
        "DEMO_PASSWORD": shop.password,
        "RATE_LIMITS": "off",
    }


def _free_ports(count: int) -> list[int]:
    """Return free ports, below those that the system assigns to outgoing connections."""
    with ExitStack() as held:
        ports: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise NoShop("This machine has no free port")


def _wait_until_ready(shop: MeasuredShop, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(shop):
            return
        time.sleep(READINESS_POLL_S)
    raise NoShop(f"The shop to measure did not start: {log.read_text()[-2_000:]}")


def _is_ready(shop: MeasuredShop) -> bool:
    try:
        return httpcore.request("GET", f"http://{shop.host}:{shop.port}/health/ready").status == 200
    except httpcore.NetworkError:
        return False
