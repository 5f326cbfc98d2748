"""What results.md says of the run: machine, versions, method."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "djangorestframework", "graphene-django", "grpcio", "psycopg", "uvicorn")
QUIET_LOAD = 0.5
BUSY = "The machine was not quiet: a check that all works, not final figures."
ROOT = Path(__file__).resolve().parents[2]
NOTES = """## Method

Each contestant is one worker process on processor 0; the load generators (wrk for HTTP, h2load for gRPC,
a Python client for batches) and PostgreSQL are on processor 1. 8 connections. All contestants of a group
are up at once. After a warm-up, each round asks each of them, in another order each time; the figures
are medians of the rounds. `spread` is (best - worst) / median: above some 15 % other work ran beside it.
CPU is user and system time of the server's processes for each request or row; memory counts shared pages
once. Requests vary in products, pages and callers, apart from gRPC's, which h2load repeats. Before the
rounds, each contestant is asked for everything that is measured and its responses are compared with its
database; PostgreSQL's dead rows are removed between rounds.

`x stock` is the ratio to stock DRF on gunicorn, stock graphene-django or djangogrpcframework; peers are
the other frameworks; the bare servers have none, only a driver and hand-written SQL. Ratios carry over
to other machines, absolute figures do not.

In favour of the peers: they keep their database connections (Django's default would be three times
slower), and have no authentication, logs or rate limits. The shop has rate limits, one log line for each
request, tokens for orders and for the GraphQL tree, permissions, ETags, links, versions kept by
triggers, the change feed, order numbers and the record of status changes. In its favour: totals come
from its counters, those of all others from `count(*)`, apart from the rows "without total". gunicorn's
default worker, as in the tutorials, closes the connection after each response: stock DRF is also shown
on granian. pgbench runs the bare servers' SQL on the servers' processor; its CPU is that of the client.""".splitlines()


def is_busy(load: float) -> bool:
    """Return whether other work ran at the start: the figures are then no more than a check."""
    return load >= QUIET_LOAD


def heading(arguments: Sequence[str], rounds: str, load: float, *, is_postgresql_placed: bool) -> list[str]:
    """Return the first lines; `load` is the load average at the start."""
    command = " ".join(["python -m benchmarks.compare", *arguments])
    placed = "" if is_postgresql_placed else " PostgreSQL could not be placed on a processor."
    quiet = f" **{BUSY}**" if is_busy(load) else ""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        "# The shop beside other frameworks",
        "",
        f"`{command}` ({rounds}) at {_commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
        f"Load average at the start {load:.2f}.{quiet}{placed}",
        f"{_processor()}, {os.cpu_count()} processors; {platform.system()} {platform.release()};",
        f"Python {platform.python_version()}, {versions}. The peers' versions: `benchmarks/peers/requirements*.txt`.",
    ]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "an unknown commit"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
