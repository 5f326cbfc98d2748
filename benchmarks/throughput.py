"""Requests per second of the shop's server, which also streams, and of WSGI-only servers with the same application.

    python -m benchmarks.throughput [--starts 8] [--rounds 3] [--seconds 2]     # DATABASE_URL's server, or SQLite

Each server is one process with four threads on one processor. The load generator, `wrk` (Debian: wrk), runs on the
other processor, with eight connections and one request at a time on each. Each round first measures the requests per
second of one server after the other, in a different order each time. Then it loads all servers at once and measures the
CPU time per request: a slowdown of the machine affects all servers alike, and a server that is always busy does as many
requests as their cost allows. Two processes of the same code differ by some percent, so all servers are started
`--starts` times. Prints medians, and medians of the ratios of each round to this shop: above 1 this shop is better.
"""

import argparse
import re
import statistics
import subprocess
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx

from benchmarks.servers import LOAD_CPU, Usage, pinned, shop_database, web_server

PRODUCTS, PRODUCT = 10_000, 7_777
CLIENTS = 8
WSGI = "ecommerce.wsgi:application"
OURS = "this shop"
SERVERS = {
    OURS: ["-m", "benchmarks.peers.shop", "PORT"],
    "granian WSGI": [
        *("-m", "granian", "--interface", "wsgi", "--port", "PORT", "--workers", "1", "--blocking-threads", "4"),
        *("--no-access-log", "--log-level", "error", WSGI),
    ],
    "gunicorn gthread": [
        *("-m", "gunicorn", "-k", "gthread", "-w", "1", "--threads", "4", "-b", "127.0.0.1:PORT", "--keep-alive", "30"),
        *("--log-level", "error", WSGI),
    ],
}
Servers = dict[str, tuple[str, Usage]]
PATHS = {"product detail": f"/api/v1/products/{PRODUCT}", "list of 20": "/api/v1/products"}


class Figure(NamedTuple):
    per_second: float
    cpu_us: float


def checked(base: str) -> dict[str, Any]:
    """Request each path once, and return the checked responses; wrk does not check them. Raises AssertionError."""
    answers = {name: httpx.get(f"{base}{path}").raise_for_status().json() for name, path in PATHS.items()}
    assert answers["product detail"]["name"] == f"Product {PRODUCT}"
    assert (len(answers["list of 20"]["products"]), answers["list of 20"]["pagination"]["total"]) == (20, PRODUCTS)
    return answers


class Load:
    """A run of `wrk` against one server."""

    def __init__(self, url: str, options: argparse.Namespace) -> None:
        command = ["wrk", "-t", "1", "-c", str(CLIENTS), "-d", f"{options.seconds}s", url]
        self._process = subprocess.Popen(pinned(LOAD_CPU, command), stdout=subprocess.PIPE, text=True)

    def answers(self) -> tuple[int, float]:
        """Wait until `wrk` exits; return the number of responses, and the responses per second.

        Raises AssertionError if a request failed.
        """
        text, _ = self._process.communicate()
        assert self._process.returncode == 0, text
        assert not re.search("Non-2xx|Socket errors", text), text
        sought = (r"(\d+) requests in", r"Requests/sec: +([\d.]+)")
        done, per_second = (re.findall(pattern, text)[0] for pattern in sought)
        return int(done), float(per_second)


def figures_of(servers: Servers, target: str, options: argparse.Namespace) -> dict[str, Figure]:
    """Measure one round, the servers in the order given."""
    per_second = {name: Load(base + target, options).answers()[1] for name, (base, _) in servers.items()}
    before = {name: usage.cpu_s() for name, (_, usage) in servers.items()}
    loads = {name: Load(base + target, options) for name, (base, _) in servers.items()}
    done = {name: load.answers()[0] for name, load in loads.items()}
    return {
        name: Figure(per_second[name], (usage.cpu_s() - before[name]) * 1e6 / done[name])
        for name, (_, usage) in servers.items()
    }


def rounds_of(servers: Servers, options: argparse.Namespace) -> dict[str, list[dict[str, Figure]]]:
    names = list(servers)
    rounds: dict[str, list[dict[str, Figure]]] = {path: [] for path in PATHS}
    for number in range(options.rounds + 1):
        order = names[number % len(names) :] + names[: number % len(names)]
        for path, target in PATHS.items():
            rounds[path].append(figures_of({name: servers[name] for name in order}, target, options))
    return {path: found[1:] for path, found in rounds.items()}  # the first round is the warm-up


def rounds_of_one_start(url: str, options: argparse.Namespace) -> dict[str, list[dict[str, Figure]]]:
    with ExitStack() as stack:
        servers: Servers = {}
        for name, command in SERVERS.items():
            port, pid = stack.enter_context(web_server(command, url))
            servers[name] = (f"http://127.0.0.1:{port}", Usage(pid))
        answers = {name: str(checked(base)).replace(base, "") for name, (base, _) in servers.items()}
        assert len(set(answers.values())) == 1, "The servers respond differently"
        return rounds_of(servers, options)


def show(rounds: dict[str, list[dict[str, Figure]]]) -> None:
    for path, found in rounds.items():
        print(f"\n{path:18}{'req/s':>8}{'this shop / it':>26}{'CPU us':>9}{'it / this shop':>26}")
        for name in SERVERS:
            more = [figures[OURS].per_second / figures[name].per_second for figures in found]
            less = [figures[name].cpu_us / figures[OURS].cpu_us for figures in found]
            per_second, cpu_us = (statistics.median(column) for column in zip(*(it[name] for it in found), strict=True))
            print(f"{name:18}{per_second:8.0f}{written(more):>26}{cpu_us:9.0f}{written(less):>26}")


def written(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with shop_database(PRODUCTS) as url:
        starts = [rounds_of_one_start(url, options) for _ in range(options.starts)]
    show({path: [figures for start in starts for figures in start[path]] for path in PATHS})


if __name__ == "__main__":
    main()
