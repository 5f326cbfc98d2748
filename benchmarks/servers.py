"""Databases and server processes to measure, on processors of their own."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import django
import grpc
import httpx

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
os.environ.setdefault("SECRET_KEY", "benchmarks-sign-nothing-that-counts-0123456789")
os.environ["RATE_LIMITS"] = "off"
os.environ.setdefault("LOG_LEVEL", "WARNING")
django.setup()

from django.core.management import call_command  # noqa: E402  # Django first

from catalog.models import Product  # noqa: E402
from tests.live import ROOT, free_port, fresh_database, using  # noqa: E402

SERVER_CPU, LOAD_CPU = 0, 1  # with PostgreSQL where the kernel likes
START_S = 30
DESCRIPTION = "Made to be measured. " * 5
MAX_FILES = 20_000


@contextmanager
def shop_database(products: int) -> Iterator[str]:
    """Yield the URL of a fresh, migrated database with so many products, beside DATABASE_URL's, or on SQLite."""
    with TemporaryDirectory() as folder, fresh_database(Path(folder)) as url, using(url):
        call_command("migrate", verbosity=0)
        rows = [
            Product(
                name=f"Product {n}", description="Made to be measured. " * 5, price=n % 900 + 1, stock=n, sku=f"P-{n}"
            )
            for n in range(1, products + 1)
        ]
        Product.objects.bulk_create(rows, batch_size=1_000)
        yield url


def allow_many_files() -> None:
    """Raise the limit of open files, for this process and those that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def pinned(cpu: int, command: Sequence[str]) -> list[str]:
    """Return the command for one processor, where there are two and `taskset` is installed."""
    if shutil.which("taskset") and len(os.sched_getaffinity(0)) > 1:
        return ["taskset", "-c", str(cpu), *command]
    return list(command)


@contextmanager
def grpc_server(
    arguments: Sequence[str], database_url: str, log: IO[bytes] | None = None, **more: str
) -> Iterator[tuple[int, int]]:
    """Run `python ARGUMENTS`, in which PORT is replaced; yield (port, pid) once it takes connections."""
    with _server(arguments, database_url, log, more) as (port, pid):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(START_S)
        yield port, pid


@contextmanager
def web_server(
    arguments: Sequence[str], database_url: str, log: IO[bytes] | None = None, **more: str
) -> Iterator[tuple[int, int]]:
    """Run `python ARGUMENTS`, in which PORT is replaced; yield (port, pid) once it answers."""
    with _server(arguments, database_url, log, more) as (port, pid):
        deadline = time.monotonic() + START_S
        while not _is_live(port):
            assert time.monotonic() < deadline, f"It does not answer: {arguments}"
            time.sleep(0.05)
        yield port, pid


def _is_live(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _server(
    arguments: Sequence[str], database_url: str, log: IO[bytes] | None, more: Mapping[str, str]
) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, *(argument.replace("PORT", str(port)) for argument in arguments)]
    env = {**os.environ, "DATABASE_URL": database_url, **more}
    process = subprocess.Popen(pinned(SERVER_CPU, command), cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=log)
    try:
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


class Usage:
    """What a process holds, as /proc tells."""

    def __init__(self, pid: int) -> None:
        self.place = Path(f"/proc/{pid}")

    def memory_mb(self) -> float:
        return self._status("VmRSS") / 1024

    def threads(self) -> int:
        return self._status("Threads")

    def files(self) -> int:
        return len(list((self.place / "fd").iterdir()))

    def cpu_s(self) -> float:
        """Return the CPU time of the process and of the children that it has."""
        fields = (self.place / "stat").read_text().rpartition(")")[2].split()
        own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        children = " ".join(path.read_text() for path in self.place.glob("task/*/children")).split()
        return own + sum(Usage(int(pid)).cpu_s() for pid in children)

    def _status(self, name: str) -> int:
        lines = (self.place / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])
