"""Requests a second on the server that streams too, against the same WSGI application on servers that do nothing else.

    python -m benchmarks.throughput [--seconds 4] [--rounds 5] [--clients 8]     # DATABASE_URL's server, or SQLite

Each server is one process with four threads on one processor; the load is `wrk` (Debian: wrk) on the other, with
`--clients` connections that ask one request after the other. All servers run at once and are asked in turn, in another
order each round, so that a machine that slows down slows all of them. Prints the median of the rounds, the server's CPU
time a request, and the median of the rounds' own ratios to this shop.
"""

import argparse
import re
import statistics
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx

from benchmarks.servers import LOAD_CPU, Usage, pinned, shop_database, web_server

PRODUCTS, PRODUCT = 10_000, 7_777
WSGI = "ecommerce.wsgi:application"
SERVERS = {
    "this shop": ["-m", "benchmarks.peers.shop", "PORT"],
    "granian WSGI": [
        *("-m", "granian", "--interface", "wsgi", "--port", "PORT", "--workers", "1", "--blocking-threads", "4"),
        *("--no-access-log", "--log-level", "error", WSGI),
    ],
    "gunicorn gthread": [
        *("-m", "gunicorn", "-k", "gthread", "-w", "1", "--threads", "4", "-b", "127.0.0.1:PORT", "--keep-alive", "30"),
        *("--log-level", "error", WSGI),
    ],
}
PATHS = {"product detail": f"/api/v1/products/{PRODUCT}", "list of 20": "/api/v1/products"}


class Figure(NamedTuple):
    per_second: float
    cpu_us: float


def checked(base: str) -> dict[str, Any]:
    """Ask each path once, and return the answers, which wrk does not look at. Raises AssertionError."""
    answers = {name: httpx.get(f"{base}{path}").raise_for_status().json() for name, path in PATHS.items()}
    assert answers["product detail"]["name"] == f"Product {PRODUCT}"
    assert (len(answers["list of 20"]["products"]), answers["list of 20"]["pagination"]["total"]) == (20, PRODUCTS)
    return answers


def measure(url: str, usage: Usage, seconds: int, clients: int) -> Figure:
    command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", url]
    before = usage.cpu_s()
    text = subprocess.run(pinned(LOAD_CPU, command), capture_output=True, text=True, check=True).stdout
    assert not re.search("Non-2xx|Socket errors", text), text
    done, per_second = (re.findall(pattern, text)[0] for pattern in (r"(\d+) requests in", r"Requests/sec: +([\d.]+)"))
    return Figure(float(per_second), (usage.cpu_s() - before) * 1e6 / int(done))


def rounds_of(servers: dict[str, tuple[str, Usage]], options: argparse.Namespace) -> dict[str, dict[str, list[Figure]]]:
    figures: dict[str, dict[str, list[Figure]]] = {path: defaultdict(list) for path in PATHS}
    names = list(servers)
    for number in range(-1, options.rounds):  # the first warms up
        for path, target in PATHS.items():
            for name in names[number % len(names) :] + names[: number % len(names)]:
                base, usage = servers[name]
                figure = measure(base + target, usage, options.seconds if number >= 0 else 1, options.clients)
                if number >= 0:
                    figures[path][name].append(figure)
    return figures


def show(figures: dict[str, dict[str, list[Figure]]]) -> None:
    for path, by_server in figures.items():
        print(f"\n{path:18} {'req/s':>8} {'CPU us':>8} {'this shop / it':>16} {'in the worst and best round':>28}")
        ours = [figure.per_second for figure in by_server["this shop"]]
        for name, found in by_server.items():
            ratios = [mine / figure.per_second for mine, figure in zip(ours, found, strict=True)]
            per_second, cpu_us = (statistics.median(values) for values in zip(*found, strict=True))
            spread = f"{min(ratios):.3f} - {max(ratios):.3f}"
            print(f"{name:18} {per_second:8.0f} {cpu_us:8.0f} {statistics.median(ratios):16.3f} {spread:>28}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with ExitStack() as stack:
        url = stack.enter_context(shop_database(PRODUCTS))
        servers = {}
        for name, command in SERVERS.items():
            port, pid = stack.enter_context(web_server(command, url))
            servers[name] = (f"http://127.0.0.1:{port}", Usage(pid))
        answers = {name: str(checked(base)).replace(base, "") for name, (base, _) in servers.items()}
        assert len(set(answers.values())) == 1, "The servers do not answer the same"
        show(rounds_of(servers, options))


if __name__ == "__main__":
    main()
