"""Servers that shut down under load: no call that has begun may fail, and no call that failed may have taken effect.

    python -m benchmarks.grpc_end [ROUNDS] [--case "alone, waiting"]     # DATABASE_URL, or SQLite

In each round 12 clients read and write, a server gets SIGTERM, and the clients continue. A `waiting` client makes one
call at a time; a `pacing` client makes 10 calls per second without waiting for responses. Three columns must be 0:
`begun`, calls that failed although the server had begun them; `done`, writes that failed although they took effect;
`lost`, writes that succeeded for the client but took no effect. `too late` are calls that found no listening server: on
a shared port, the calls of a connection that was just being made.
"""

import argparse
import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from benchmarks.servers import free_port, shop_database
from tests.core.protocols.rpc.ending import Outcome, calling, outcome_of
from tests.support.factories import make_product, make_staff
from tests.support.rpc import GrpcServer

END_S = 60
HEAD = ("case", "calls", "failed", "too late", "begun", "done", "lost", "min s", "median s", "max s")


class Case(NamedTuple):
    waits: bool
    has_other: bool  # a second server shares the port
    retried: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


DRAIN = ("--drain", "2")
CASES = {
    "alone, waiting": Case(waits=True, has_other=False),
    "shared port, waiting": Case(waits=True, has_other=True),
    "shared port, pacing": Case(waits=False, has_other=True),
    "shared port, pacing, retries": Case(waits=False, has_other=True, retried=("UNAVAILABLE", "CANCELLED")),
    "shared port, pacing, --drain 2": Case(waits=False, has_other=True, options=DRAIN),
    "shared port, pacing, --drain 2, retries": Case(
        waits=False, has_other=True, options=DRAIN, retried=("UNAVAILABLE",)
    ),
}


def one_round(case: Case, start: Callable[..., GrpcServer]) -> tuple[Outcome, float]:
    port, staff, product = free_port(), make_staff(), make_product()
    servers = [start(port, *case.options)]
    try:
        with calling(port, staff, product.pk, waits=case.waits, retried=case.retried) as callers:
            if case.has_other:
                servers.append(start(port))
            seconds = servers[0].stop(timeout_s=END_S)
        return outcome_of(callers, servers), seconds
    finally:
        for server in servers:
            server.kill()


def row_of(name: str, rounds: list[tuple[Outcome, float]]) -> list[str]:
    outcomes, seconds = [outcome for outcome, _ in rounds], [seconds for _, seconds in rounds]
    numbers = [sum(outcome.calls for outcome in outcomes), sum(outcome.refused.total() for outcome in outcomes)]
    numbers.append(sum(outcome.too_late for outcome in outcomes))
    numbers += [sum(len(part) for part in parts) for parts in zip(*(outcome[3:] for outcome in outcomes), strict=True)]
    times = (min(seconds), statistics.median(seconds), max(seconds))
    return [name, *map(str, numbers), *(f"{time:.2f}" for time in times)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Stops gRPC servers under load and counts failed calls.")
    parser.add_argument("rounds", nargs="?", type=int, default=20)
    parser.add_argument("--case", choices=CASES, action="append", help="run this case only; repeatable")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, shop_database(products=1) as url:
        # A call has begun if the log has a line for it.
        env = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "LOG_LEVEL": "INFO"}

        def start(port: int, *options: str) -> GrpcServer:
            server = GrpcServer(Path(folder), env, "--shares-port", *options, port=port)
            server.wait_until_said()
            return server

        print(" | ".join(HEAD))
        for name in asked.case or CASES:
            rounds = [one_round(CASES[name], start) for _ in range(asked.rounds)]
            print(" | ".join(row_of(name, rounds)))
            for failure, times in sum((outcome.refused for outcome, _ in rounds), Counter()).items():
                print(f"    {times} x {failure}", flush=True)


if __name__ == "__main__":
    main()
