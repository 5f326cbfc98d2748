"""Rounds: every contestant of a group is up, and each round asks all of them, each time in another order."""

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx

from benchmarks.compare import load
from benchmarks.compare.agreement import Agreement, Disagrees, Truth, expect
from benchmarks.compare.contestants import CONTESTANTS, Contestant, members
from benchmarks.compare.databases import Databases, DataSet, rows_of
from benchmarks.compare.environments import CannotInstall
from benchmarks.compare.figures import Figure, Row, Table
from benchmarks.compare.operations import BATCHES, GRPC, OPERATIONS
from benchmarks.compare.progress import say
from benchmarks.compare.running import DidNotStart, Running, place_postgresql, running
from benchmarks.compare.sql import script

WARM_UP_S = 1
FAILED_SHARE = 0.01  # above it, a contestant counts as failed
FAILURES = (
    CannotInstall,
    DidNotStart,
    Disagrees,
    load.LoadFailed,
    grpc.RpcError,
    httpx.HTTPError,
    subprocess.TimeoutExpired,
)


class Plan(NamedTuple):
    rounds: int
    seconds: int
    operations: frozenset[str]


class Measured:
    """What a run has found: the rounds of each contestant, and the reasons of those that failed."""

    def __init__(self) -> None:
        self._rounds: dict[tuple[str, str, Contestant], list[Figure]] = {}
        self.failures: dict[str, str] = {}
        self.is_postgresql_placed = True

    def add(self, data: DataSet, operation: str, contestant: Contestant, figure: Figure) -> None:
        self._rounds.setdefault((data.title, operation, contestant), []).append(figure)

    def forget(self, data: DataSet, operation: str, contestant: Contestant) -> None:
        self._rounds.pop((data.title, operation, contestant), None)

    def fail(self, data: DataSet, name: str, reason: object) -> None:
        text = " ".join(str(reason).split())[:300]
        say(f"FAILED {name}: {text}")
        self.failures[f"{name} ({data.title})"] = text

    def tables(self) -> dict[str, list[Table]]:
        """Return the tables of each data set, in the order of the operations."""
        found: dict[str, list[Table]] = {}
        for title in dict.fromkeys(title for title, _, _ in self._rounds):
            tables = [self._table(title, operation) for operation in OPERATIONS]
            found[title] = [table for table in tables if table.rows]
        return found

    def _table(self, title: str, operation: str) -> Table:
        rows = [
            Row(contestant.name, contestant.role, rounds)
            for contestant in CONTESTANTS
            if (rounds := self._rounds.get((title, operation, contestant)))
        ]
        return Table(OPERATIONS[operation].title, OPERATIONS[operation].unit, rows)


class Group:
    """The contestants of one group on one data set."""

    def __init__(self, data: DataSet, databases: Databases, plan: Plan, measured: Measured, folder: Path) -> None:
        self._data, self._databases, self._plan, self._measured = data, databases, plan, measured
        self._folder = folder
        self._up: dict[Contestant, Running | None] = {}  # None: pgbench, which is no server
        self._operations: dict[Contestant, list[str]] = {}
        self._starting: Running | None = None

    def measure(self, name: str) -> None:
        with ExitStack() as stack:
            for contestant, operations in members(name, on_sqlite=self._data.on_sqlite):
                if wanted := [operation for operation in operations if operation in self._plan.operations]:
                    self._try_start(contestant, wanted, stack)
            if self._up:
                self._rounds(name)

    def _start(self, contestant: Contestant, operations: list[str], stack: ExitStack) -> None:
        server = self._starting = None
        if contestant.command:
            log = self._folder / f"{len(self._up)}.log"
            settings = contestant.settings(self._databases.shop, self._databases.peers)
            server = self._starting = stack.enter_context(running(contestant, settings, log))
            agreement = Agreement(contestant, server, self._databases)
            for operation in operations:
                agreement.check(operation)
        for operation in operations:
            self._write_requests(contestant, operation)
        self._up[contestant], self._operations[contestant], self._starting = server, operations, None
        say(f"{contestant.name}: up" + (", and its responses agree with its database" if server else ""))

    def _rounds(self, name: str) -> None:
        for number in range(self._plan.rounds + 1):
            say(f"{self._data.title}, {name}: " + (f"round {number} of {self._plan.rounds}" if number else "warm-up"))
            contestants = list(self._up)
            first = number % len(contestants)
            self._between_rounds()
            for operation in filter(self._plan.operations.__contains__, OPERATIONS):
                for contestant in contestants[first:] + contestants[:first]:
                    if operation in self._operations[contestant]:
                        self._try_round(contestant, operation, number)

    def _round(self, contestant: Contestant, operation: str, number: int) -> None:
        seconds = self._plan.seconds if number else WARM_UP_S
        figure, done = self._figure(contestant, operation, seconds)
        if not number:
            return  # the warm-up counts for nothing
        if not done:
            raise load.LoadFailed(f"no request was answered within {seconds} s")
        if figure.failed > done * FAILED_SHARE:
            raise load.LoadFailed(f"{figure.failed:.0f} of {done} requests failed")
        self._measured.add(self._data, operation, contestant, figure)

    def _figure(self, contestant: Contestant, operation: str, seconds: int) -> tuple[Figure, int]:
        """Return the figures of one stretch of load, and the number of its requests."""
        server = self._up[contestant]
        if server is None:
            commands = script(operation, self._databases.sample)
            done, cpu_s = load.pgbench(self._databases.peers, commands, seconds, self._folder)
            memory_mb = 0.0
        else:
            before = server.cpu_s()
            done = self._load(contestant, server, operation, seconds)
            cpu_s, memory_mb = server.cpu_s() - before, server.memory_mb()
        cpu_us = cpu_s * 1e6 / max(1, done.done)
        return Figure(done.rate, done.p50_ms, done.p99_ms, cpu_us, memory_mb, done.failed), done.done

    def _load(self, contestant: Contestant, server: Running, operation: str, seconds: int) -> load.Load:
        sample = self._databases.sample
        if operation in BATCHES:
            return self._batch(contestant, server, operation)
        if operation in GRPC:
            return load.h2load(server, operation, sample.product_ids[0], seconds, self._folder)
        return load.wrk(server, self._requests(contestant, operation), seconds)

    def _batch(self, contestant: Contestant, server: Running, operation: str) -> load.Load:
        """Send one batch, and count its rows afterwards."""
        staff = self._databases.sample.staff
        truth = Truth(self._databases.of(is_shop=contestant.is_shop), contestant.dialect.tables)
        before = truth.total()
        if operation == "batch":
            done = load.rest_batch(server, contestant.dialect, staff)
        else:
            done = load.grpc_batch(server, staff)
        expect(f"{operation}, new rows", done.done, truth.total() - before)
        return done

    def _requests(self, contestant: Contestant, operation: str) -> Path:
        return self._folder / f"{type(contestant.dialect).__name__}-{operation}.lua"

    def _write_requests(self, contestant: Contestant, operation: str) -> None:
        """Contestants of one dialect get the same requests."""
        file = self._requests(contestant, operation)
        if operation not in (*BATCHES, *GRPC) and not file.exists():
            load.write_requests(contestant.dialect.requests(operation, self._databases.sample), file)

    def _between_rounds(self) -> None:
        """Remove dead rows, which slow `count(*)`, and keep PostgreSQL off the servers' processor."""
        urls = (self._databases.shop, self._databases.peers)
        if not self._data.on_sqlite:
            self._measured.is_postgresql_placed &= place_postgresql(*urls)
            for url in urls:
                rows_of(url, "vacuum")

    def _try_start(self, contestant: Contestant, operations: list[str], stack: ExitStack) -> None:
        """Name a contestant that fails, and go on without it."""
        try:
            self._start(contestant, operations, stack)
        except FAILURES as failure:
            log = self._starting.end_of_log() if self._starting else ""
            self._measured.fail(self._data, contestant.name, f"{failure} {log}")

    def _try_round(self, contestant: Contestant, operation: str, number: int) -> None:
        """Name an operation that fails, and go on without it."""
        try:
            self._round(contestant, operation, number)
        except FAILURES as failure:
            server = self._up[contestant]
            self._operations[contestant].remove(operation)
            self._measured.forget(self._data, operation, contestant)
            log = server.end_of_log() if server and server.has_ended() else ""
            self._measured.fail(self._data, f"{contestant.name}, {operation}", f"{failure} {log}")
