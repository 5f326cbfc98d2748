"""Open streams on one web server process: their memory and threads, the delay of a change, the effect on requests.

    python -m benchmarks.live [--clients 1000] [--kinds sse prices graphql]     # DATABASE_URL's server, or SQLite

The server has one processor, this client the other. The time until a change has reached all clients includes the
client's own work.
"""

import argparse
import asyncio
import http.client
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import NamedTuple

from django.db.models import F

from benchmarks.listeners import LISTENERS, listen
from benchmarks.servers import LOAD_CPU, Usage, allow_many_files, pinned, shop_database, using, web_server
from catalog.models import Product

SERVER = ["-m", "benchmarks.peers.shop", "PORT"]
CHANGES, CHANGE_PAUSE_S = 20, 0.1
PROBE_S = 5
OPENED_AT_ONCE = 100
OPEN_S = REACH_S = 60


class Moments:
    """The times at which the clients received each stock value."""

    def __init__(self) -> None:
        self._came: dict[int, list[float]] = {}

    def heard(self, stock: int) -> None:
        self._came.setdefault(stock, []).append(time.perf_counter())

    async def all_have(self, stock: int, clients: int) -> list[float]:
        async with asyncio.timeout(REACH_S):
            while len(self._came.get(stock, ())) < clients:
                await asyncio.sleep(0.001)
        return sorted(self._came.pop(stock))


class Server(NamedTuple):
    url: str
    port: int
    usage: Usage
    product: Product


def changed(url: str, product_id: int) -> tuple[float, int]:
    """Reduce the stock by one in SQL; return the time just before, and the new stock."""
    with using(url):
        at = time.perf_counter()
        Product.objects.filter(pk=product_id).update(stock=F("stock") - 1)
        return at, Product.objects.get(pk=product_id).stock


def probe(port: int, product_id: int, seconds: float) -> None:
    """Print the median and the 99th percentile of GET for one product, one request at a time, in ms."""
    took: list[float] = []
    connection, end = http.client.HTTPConnection("127.0.0.1", port), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        connection.request("GET", f"/api/v1/products/{product_id}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        took.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(took, n=100)
    print(f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, {len(took) / seconds:.0f} per second")


async def probed(server: Server) -> str:
    """Run the probe in a separate process."""
    command = [sys.executable, "-m", "benchmarks.live", "--probe", str(server.port), str(server.product.pk)]
    process = await asyncio.create_subprocess_exec(*pinned(LOAD_CPU, command), stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()


async def opened(stack: AsyncExitStack, kind: str, server: Server, clients: int, moments: Moments) -> None:
    for start in range(0, clients, OPENED_AT_ONCE):
        batch = range(start, min(start + OPENED_AT_ONCE, clients))
        async with asyncio.timeout(OPEN_S):
            await asyncio.gather(*(listen(stack, kind, server.port, moments.heard) for _ in batch))


async def reached(server: Server, clients: int, moments: Moments, writer: ThreadPoolExecutor) -> None:
    firsts, lasts = [], []
    for _ in range(CHANGES):
        at, stock = await asyncio.get_running_loop().run_in_executor(writer, changed, server.url, server.product.pk)
        came = await moments.all_have(stock, clients)
        firsts.append((came[0] - at) * 1000)
        lasts.append((came[-1] - at) * 1000)
        await asyncio.sleep(CHANGE_PAUSE_S)
    print(f"  one change to the first client: median {statistics.median(firsts):.1f} ms")
    print(f"  one change to all clients: median {statistics.median(lasts):.0f} ms, longest {max(lasts):.0f} ms")


async def measured(kind: str, server: Server, clients: int) -> None:
    print(f"\n{clients} clients of {kind}")
    print(f"  a request without them:              {await probed(server)}")
    memory, threads, start = server.usage.memory_mb(), server.usage.threads(), time.perf_counter()
    moments, writer = Moments(), ThreadPoolExecutor(1)
    async with AsyncExitStack() as stack:
        await opened(stack, kind, server, clients, moments)
        print(f"  opened in {time.perf_counter() - start:.2f} s")
        held = server.usage.memory_mb()
        await reached(server, clients, moments, writer)
        each = (held - memory) * 1024 / clients
        print(f"  memory {memory:.0f} -> {held:.0f} MB ({each:.0f} KB each), {server.usage.memory_mb():.0f} MB later")
        print(f"  threads {threads} -> {server.usage.threads()}")
        print(f"  a request with them:                 {await probed(server)}")
        probing = asyncio.create_task(probed(server))
        while not probing.done():
            await asyncio.get_running_loop().run_in_executor(writer, changed, server.url, server.product.pk)
            await asyncio.sleep(0.5)
        print(f"  a request while two changes per second go to all: {await probing}")
    await asyncio.sleep(1)
    print(f"  a request after they disconnected:   {await probed(server)}")


def warm_up(server: Server) -> None:
    """Send enough requests that the server starts all its threads and database connections."""
    command = [sys.executable, "-m", "benchmarks.live", "--probe", str(server.port), str(server.product.pk)]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--kinds", nargs="+", choices=LISTENERS, default=list(LISTENERS))
    parser.add_argument("--probe", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        probe(*options.probe, seconds=PROBE_S)
        return
    allow_many_files()
    for kind in options.kinds:
        with shop_database(1) as url, web_server(SERVER, url) as (port, pid):
            with using(url):
                Product.objects.update(stock=1_000_000)
                server = Server(url, port, Usage(pid), Product.objects.get())
            warm_up(server)
            asyncio.run(measured(kind, server, options.clients))


if __name__ == "__main__":
    main()
