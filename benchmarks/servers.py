"""Databases and server processes for the benchmarks, on separate processors."""

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
os.environ.setdefault("ACCESS_TOKEN_MINUTES", "1440")  # no token expires during a run
django.setup()

from django.core.management import call_command  # noqa: E402  # Django first

from catalog.models import Product  # noqa: E402
from tests.support.live import ROOT, free_port, fresh_database, using  # noqa: E402

SERVER_CPU, LOAD_CPU = 0, 1  # the kernel places PostgreSQL
START_S = 180
DESCRIPTION = "Made to be measured. " * 5
MAX_FILES = 20_000


@contextmanager
def shop_database(products: int) -> Iterator[str]:
    """Yield the URL of a new, migrated database with so many products: on DATABASE_URL's server, or on SQLite."""
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
    """Raise the limit of open files for this process and its child processes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def pinned(cpu: int, command: Sequence[str]) -> list[str]:
    """Return the command pinned to one processor, if there are several and `taskset` is installed."""
    if shutil.which("taskset") and len(os.sched_getaffinity(0)) > 1:
        return ["taskset", "-c", str(cpu), *command]
    return list(command)


@contextmanager
def grpc_server(
    arguments: Sequence[str], database_url: str, log: IO[bytes] | None = None, **more: str
) -> Iterator[tuple[int, int]]:
    """Run `python ARGUMENTS` with PORT replaced; yield (port, pid) once it accepts connections."""
    with _server(arguments, database_url, log, more) as (port, pid):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(START_S)
        yield port, pid


@contextmanager
def web_server(
    arguments: Sequence[str], database_url: str, log: IO[bytes] | None = None, **more: str
) -> Iterator[tuple[int, int]]:
    """Run `python ARGUMENTS` with PORT replaced; yield (port, pid) once it responds."""
    with _server(arguments, database_url, log, more) as (port, pid):
        deadline = time.monotonic() + START_S
        while not _is_live(port):
            assert time.monotonic() < deadline, f"The server does not respond: {arguments}"
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
    """The resources of a process, from /proc."""

    def __init__(self, pid: int) -> None:
        self.proc = Path(f"/proc/{pid}")

    def memory_mb(self) -> float:
        return self._status("VmRSS") / 1024

    def forget_peak(self) -> None:
        (self.proc / "clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """Return the most memory since `forget_peak`, or since the process began."""
        return self._status("VmHWM") / 1024

    def threads(self) -> int:
        return self._status("Threads")

    def files(self) -> int:
        return len(list((self.proc / "fd").iterdir()))

    def cpu_s(self) -> float:
        """Return the CPU time of the process and of its running child processes."""
        fields = (self.proc / "stat").read_text().rpartition(")")[2].split()
        own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        children = " ".join(path.read_text() for path in self.proc.glob("task/*/children")).split()
        return own + sum(Usage(int(pid)).cpu_s() for pid in children)

    def _status(self, name: str) -> int:
        lines = (self.proc / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])
