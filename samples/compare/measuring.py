"""Measures all tasks over all protocols: the same warm-up, interleaved runs, and the bytes of one run."""

import gzip
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from django.utils import timezone

from samples.compare.answers import Answers, disagreements
from samples.compare.clients import CONNECTIONS, JsonClient, NativeClient, RequestFailed, WebClient
from samples.compare.figures import LABELS, Comparison, Figures
from samples.compare.following import Opened, opened
from samples.compare.running import Runner, filled
from samples.compare.shop import MeasuredShop
from samples.compare.tasks import CHANGE_PRICE, LIST_PATH, TASKS, Json, Task, TaskStep, Values, rows
from samples.compare.wire import Traffic, relay_to

WARM_UP, RUNS, COUNTED_RUNS = 3, 20, 4
TIMING_LINE = "server-timing: \r\n"  # only demo mode sends it, so its bytes do not count
_DURATION = re.compile(r"app;dur=([\d.]+)")
_STATEMENTS = re.compile(r'sql;desc="(\d+)')

OnRun = Callable[[Task], None]  # called after each run of a task over one protocol


class Measurement:
    """The clients, and the values of the shop that fill the tasks."""

    def __init__(self, shop: MeasuredShop, stack: ExitStack, on_run: OnRun = lambda task: None) -> None:
        origin, address = f"http://{shop.host}:{shop.port}", f"{shop.host}:{shop.grpc_port}"
        traffic = Traffic()
        counted = stack.enter_context(relay_to(shop.host, shop.grpc_port, traffic))
        self._clients: dict[str, Any] = {
            "rest": JsonClient(origin),
            "graphql": JsonClient(origin),
            "web": WebClient(origin),
            "native": NativeClient(address),
        }
        self._counted = {**self._clients, "native": NativeClient(counted, traffic)}
        for client in (self._clients["native"], self._counted["native"]):
            stack.callback(client.channel.close)
        self._executor = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
        self._on_run = on_run
        self._headers: dict[str, dict[str, str]] = {"anyone": {}}
        self._headers |= {name: self._signed_in(name, shop.password) for name in ("customer", "staff")}
        self._values = self._values_of_shop()

    def _signed_in(self, name: str, password: str) -> dict[str, str]:
        pair: Json = self._rest("POST /api/v1/auth/token", {"username": name, "password": password})
        return {"Authorization": f"Bearer {pair['access']}"}

    def _rest(self, call: str, message: Json = None, caller: str = "anyone") -> Json:
        return self._clients["rest"].ask(call, message, self._headers[caller])

    def _values_of_shop(self) -> Values:
        listed = self._rest("GET /api/v1/products?sort=stock&order=desc&per_page=1")["products"]
        me = self._rest("GET /api/v1/users/me", caller="customer")
        return {
            "product": listed[0]["id"],
            "customer": me["id"],
            "rows": rows(),
            "etag": self._clients["rest"].etag_of(LIST_PATH),
        }

    def of(self, task: Task) -> dict[str, Figures]:
        """Measure a task. Raises RequestFailed if a request is refused or the answers disagree."""
        return self._followed(task) if task.slug == "follow" else self._run(task)

    # -- Requests -----------------------------------------------------------------------------------------------
    def _run(self, task: Task) -> dict[str, Figures]:
        runner = Runner(self._values, self._headers[task.caller], self._executor)
        samples: dict[str, list[float]] = {name: [] for name in LABELS}
        server: dict[str, list[float]] = {name: [] for name in LABELS}
        answers: dict[str, Answers] = {}
        for run in range(-min(WARM_UP, task.runs), task.runs):
            for name in _rotated(list(LABELS), run):
                self._clients[name].bodies.clear()
                started_at = time.perf_counter()
                answers[name] = runner.run(self._clients[name], _steps(task, name))
                if run >= 0:
                    samples[name].append(_ms(time.perf_counter() - started_at))
                    if (took_ms := _sum(_DURATION, self._clients[name].bodies.timings, float)) is not None:
                        server[name].append(took_ms)
                self._on_run(task)
        self._check(task, answers)
        return {name: self._figures(task, name, runner, samples[name], server[name]) for name in LABELS}

    @staticmethod
    def _check(task: Task, answers: Mapping[str, Answers]) -> None:
        for name in ("web", "native"):
            if names := disagreements(task, {**answers, "grpc": answers[name]}):
                raise RequestFailed(f"{task.title}: the answers of the protocols differ in {', '.join(names)}")

    def _figures(self, task: Task, name: str, runner: Runner, samples: list[float], server: list[float]) -> Figures:
        """Run the task again and count its bytes. The lowest count is used: HTTP/2 adds pings and window updates."""
        client, steps = self._counted[name], _steps(task, name)
        counted = []
        for _ in range(COUNTED_RUNS):
            client.bodies.clear()
            up, down = client.traffic.up, client.traffic.down
            answers = runner.run(client, steps)
            counted.append((client.traffic.up - up, client.traffic.down - down - _timing_bytes(client.bodies.timings)))
        bodies, (up, down) = client.bodies, min(counted, key=sum)
        return Figures(
            samples_ms=samples,
            requests=sum(map(len, answers)),
            round_trips=sum(1 if name == "native" else ceil(len(step) / CONNECTIONS) for step in answers),
            up=up,
            down=down,
            body_up=_size(bodies.up),
            body_down=_size(bodies.down),
            gzip_up=_gzip_size(bodies.up),
            gzip_down=_gzip_size(bodies.down),
            statements=_sum(_STATEMENTS, bodies.timings, int),
            server_ms=round(median(server), 2) if server else None,
        )

    # -- Streams ------------------------------------------------------------------------------------------------
    def _followed(self, task: Task) -> dict[str, Figures]:
        samples: dict[str, list[float]] = {name: [] for name in LABELS}
        with ExitStack() as stack:
            streams = {name: opened(task, name, self._clients[name], self._values, stack) for name in LABELS}
            counted = opened(task, "native", self._counted["native"], self._values, stack)
            before: dict[str, Traffic] = {}
            for run in range(-WARM_UP, task.runs):
                if run == 0:
                    before = {name: self._traffic_now(name) for name in LABELS}
                started_at = self._change_price(run)
                for name, stream in streams.items():
                    arrival = stream.follower.wait_for(run + WARM_UP + 1)
                    if run >= 0:
                        samples[name].append(_ms(arrival.at - started_at))
                    self._on_run(task)
                counted.follower.wait_for(run + WARM_UP + 1)
            _check_streams(task, streams)
            return {name: self._figures_of_stream(name, streams[name], before[name], samples[name]) for name in LABELS}

    def _traffic_now(self, name: str) -> Traffic:
        traffic = self._counted[name].traffic
        return Traffic(traffic.up, traffic.down)

    def _change_price(self, run: int) -> float:
        step = filled(CHANGE_PRICE.message, {"price": 10 + run / 100})
        call = filled(CHANGE_PRICE.call, self._values)
        started_at = time.perf_counter()
        JsonClient.ask(self._changer, call, step, self._headers["staff"])
        return started_at

    @property
    def _changer(self) -> JsonClient:
        # A separate client: its bytes must not count as those of a stream.
        if "changer" not in self._clients:
            self._clients["changer"] = JsonClient(self._clients["rest"].origin)
        client: JsonClient = self._clients["changer"]
        return client

    def _figures_of_stream(self, name: str, stream: Opened, before: Traffic, samples: list[float]) -> Figures:
        """The bytes are those of one change: the total of all changes divided by their number."""
        now, measured = self._traffic_now(name), stream.follower.arrivals[WARM_UP:]
        return Figures(
            samples_ms=samples,
            requests=1,
            round_trips=1,
            up=(now.up - before.up) // len(measured),
            down=(now.down - before.down) // len(measured),
            body_up=len(stream.body_up),
            body_down=sum(arrival.body_bytes for arrival in measured) // len(measured),
            gzip_up=_gzip_size([stream.body_up] if stream.body_up else []),
            gzip_down=sum(arrival.body_bytes for arrival in measured) // len(measured),
        )


def measured(shop: MeasuredShop, tasks: Sequence[Task] = TASKS, on_run: OnRun = lambda task: None) -> Comparison:
    """Measure the tasks. Raises RequestFailed."""
    with ExitStack() as stack:
        measurement = Measurement(shop, stack, on_run)
        figures = {task.slug: measurement.of(task) for task in tasks}
    now = timezone.now().replace(microsecond=0)
    return Comparison(machine=machine(), measured_at=now.isoformat(), runs=RUNS, tasks=figures)


def runs_in(task: Task) -> int:
    """Return how often `on_run` is called for a task."""
    return len(LABELS) * (task.runs + min(WARM_UP, task.runs))


def machine() -> str:
    """Describe this machine in a few words."""
    names = {line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")}
    cores = sum(line.startswith("processor") for line in _lines("/proc/cpuinfo"))
    processor = f"{cores} cores of {names.pop()}" if names else platform.processor() or platform.machine()
    return f"{processor}, {platform.system()}, Python {platform.python_version()}, SQLite, loopback"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _steps(task: Task, name: str) -> tuple[TaskStep, ...]:
    steps: tuple[TaskStep, ...] = getattr(task, name, task.grpc)
    return steps


def _rotated(names: list[str], run: int) -> list[str]:
    first = run % len(names)
    return names[first:] + names[:first]


def _check_streams(task: Task, streams: Mapping[str, Opened]) -> None:
    seen = {name: [each[:2] for each in stream.follower.arrivals] for name, stream in streams.items()}
    if any(each != seen["rest"] for each in seen.values()):
        raise RequestFailed(f"{task.title}: the streams differ in cursors or prices")


def _timing_bytes(timings: Sequence[str]) -> int:
    return sum(len(TIMING_LINE) + len(each) for each in timings if each)


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)


def _size(bodies: Sequence[bytes]) -> int:
    return sum(map(len, bodies))


def _gzip_size(bodies: Sequence[bytes]) -> int:
    return sum(len(gzip.compress(body, 6)) for body in bodies if body)


def _sum(pattern: re.Pattern[str], timings: Sequence[str], kind: Callable[[str], Any]) -> Any:
    """Add up one figure of Server-Timing; None if an answer has none."""
    found = [pattern.search(timing) for timing in timings]
    return None if not found or None in found else round(sum(kind(each[1]) for each in found if each), 2)
