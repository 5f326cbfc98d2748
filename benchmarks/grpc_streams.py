"""Streams of the gRPC server: their memory and threads, the delay of a change, and the effect on concurrent calls.

    python -m benchmarks.grpc_streams [--streams 2000] [--readers 200] [--cancelled 500]   # DATABASE_URL, or SQLite

The server has one processor, this client the other. The time until a change has reached all streams includes the
client's own work.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import grpc
from django.db import connection
from django.db.models import F

from benchmarks.servers import LOAD_CPU, Usage, allow_many_files, grpc_server, pinned, shop_database, using
from catalog.models import Product
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceStub

SERVER = ["manage.py", "grpcrunserver", "127.0.0.1:PORT", "--verbosity=0"]
PER_CONNECTION = 500
CHANGES = 10
PROBE_S = 5
STALL_BURST = 2_500


def changed(url: str, product_id: int) -> float:
    """Reduce the stock by one in SQL; return the time just before."""
    with using(url):
        at = time.perf_counter()
        Product.objects.filter(pk=product_id).update(stock=F("stock") - 1)
    return at


class Readers:
    """Open streams, and the arrival times of each change on them."""

    def __init__(self, port: int, count: int) -> None:
        self.port, self.count = port, count
        self.came: dict[int, list[float]] = {}  # by stock
        self.opened = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Readers"]:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options)
            for _ in range(-(-self.count // PER_CONNECTION))
        ]
        stubs = [ProductServiceStub(channel) for channel in channels]
        calls = [stubs[n % len(stubs)].WatchProducts(pb.GetProductRequest()) for n in range(self.count)]
        tasks = [asyncio.create_task(self._read(call)) for call in calls]
        while self.opened < self.count:
            await asyncio.sleep(0.005)
        yield self
        for call in calls:
            call.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in channels:
            await channel.close()

    async def _read(self, call: Any) -> None:
        await call.initial_metadata()
        self.opened += 1
        async for update in call:
            self.came.setdefault(update.new_stock, []).append(time.perf_counter())

    async def all_have(self, stock: int) -> float:
        """Wait until every stream has received the change; return the time when the last did."""
        async with asyncio.timeout(30):
            while len(self.came.get(stock, ())) < self.count:
                await asyncio.sleep(0.001)
        return max(self.came[stock])


def probe(port: int, product_id: int, seconds: float) -> None:
    """Print the median and the 99th percentile of GetProduct, one call at a time, in ms."""
    took: list[float] = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub, end = ProductServiceStub(channel), time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            stub.GetProduct(pb.GetProductRequest(id=product_id))
            took.append((time.perf_counter() - start) * 1000)
    cuts = statistics.quantiles(took, n=100)
    print(f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, {len(took)} calls")


def warm_up(port: int, product_id: int) -> None:
    """Make many calls at once, so that the server starts all its threads and database connections."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = ProductServiceStub(channel)
        calls = [stub.GetProduct.future(pb.GetProductRequest(id=product_id)) for _ in range(300)]
        for call in calls:
            call.result()


async def probed(port: int, product_id: int) -> str:
    """Run the probe in a separate process."""
    command = [sys.executable, "-m", "benchmarks.grpc_streams", "--probe", str(port), str(product_id)]
    process = await asyncio.create_subprocess_exec(*pinned(LOAD_CPU, command), stdout=subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()


async def many(url: str, port: int, usage: Usage, product: Product, streams: int) -> None:
    print(f"\n{streams} WatchProducts streams")
    print(f"  GetProduct without them: {await probed(port, product.pk)}")
    memory, threads = usage.memory_mb(), usage.threads()
    start, took, stock = time.perf_counter(), [], product.stock
    writer = ThreadPoolExecutor(1)
    async with Readers(port, streams).open() as readers:
        print(f"  opened in {time.perf_counter() - start:.2f} s")
        for _ in range(CHANGES):
            at = await asyncio.get_running_loop().run_in_executor(writer, changed, url, product.pk)
            stock -= 1
            took.append((await readers.all_have(stock) - at) * 1000)
        print(f"  one change to all streams: median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms")
        print(f"  memory {memory:.0f} -> {usage.memory_mb():.0f} MB, threads {threads} -> {usage.threads()}")
        print(f"  GetProduct with them: {await probed(port, product.pk)}")
        probing = asyncio.create_task(probed(port, product.pk))
        while not probing.done():
            await asyncio.get_running_loop().run_in_executor(writer, changed, url, product.pk)
            await asyncio.sleep(0.5)
        print(f"  GetProduct while two changes per second go to all: {await probing}")


async def stalled(url: str, port: int, log: Path, product: Product, readers: int) -> None:
    """One client does not read: measure the time until it is disconnected, and the other clients' delays meanwhile."""
    print(f"\nOne stalled client among {readers}")
    options = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]  # its window stays at 64 KiB
    writer, loop = ThreadPoolExecutor(1), asyncio.get_running_loop()
    stock, latencies = 10_000_000, []
    async with Readers(port, readers - 1).open() as others:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call = ProductServiceStub(channel).WatchProducts(pb.GetProductRequest())
            call.initial_metadata()
            await loop.run_in_executor(writer, _fill, url, product.pk, stock)
            await others.all_have(stock)
            start = time.perf_counter()
            while '"status": "UNAVAILABLE"' not in log.read_text():  # the client could see this only by reading
                at = await loop.run_in_executor(writer, changed, url, product.pk)
                stock -= 1
                await others.all_have(stock)
                latencies += [(moment - at) * 1000 for moment in others.came.pop(stock)]
                await asyncio.sleep(0.05)
            ended_s = time.perf_counter() - start
            taken, reason = await loop.run_in_executor(None, _end_of, call)
        print(f"  disconnected {ended_s:.1f} s after the burst, {taken} of {STALL_BURST} updates in flight: {reason}")
        cuts = statistics.quantiles(latencies, n=100)
        print(f"  delay of the others meanwhile: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms of {len(latencies)}")


def _fill(url: str, product_id: int, stock: int) -> None:
    """Write more events than the HTTP/2 window holds; the last one marks the end of the burst."""
    with using(url):
        Product.objects.bulk_create([Product(name=f"Filler {n}", price=1, stock=1) for n in range(STALL_BURST)])
        Product.objects.filter(pk=product_id).update(stock=stock)


def _end_of(call: Any) -> tuple[int, str]:
    """Read the remaining messages; return their number and the status."""
    taken = 0
    try:
        for _ in call:
            taken += 1
    except grpc.RpcError:
        return taken, f"{call.code().name} {call.details()}"
    return taken, "OK"


def connections(url: str) -> int | str:
    with using(url):
        if connection.vendor != "postgresql":
            return "-"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend'"
            )
            return cursor.fetchone()[0]


async def cancelled(url: str, port: int, usage: Usage, product: Product, streams: int) -> None:
    def held() -> str:
        return f"connections {connections(url)}, threads {usage.threads()}, files {usage.files()}"

    ask = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    print(f"\n{streams} streams opened and cancelled, three times")
    print(f"  before: {await loop.run_in_executor(ask, held)}")
    for _ in range(3):
        async with Readers(port, streams).open():
            print(f"  open:   {await loop.run_in_executor(ask, held)}")
        await asyncio.sleep(1)
    await asyncio.sleep(12)  # longer than the idle time after which the feed's reader stops
    print(f"  after:  {await loop.run_in_executor(ask, held)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--cancelled", type=int, default=500)
    parser.add_argument("--probe", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        probe(*options.probe, seconds=PROBE_S)
        return
    allow_many_files()
    with shop_database(1) as url, grpc_server(SERVER, url) as (port, pid):
        with using(url):
            product = Product.objects.get()
            Product.objects.update(stock=1_000_000)
            product.refresh_from_db()
        usage = Usage(pid)
        warm_up(port, product.pk)
        asyncio.run(cancelled(url, port, usage, product, options.cancelled))
        asyncio.run(many(url, port, usage, product, options.streams))
        with NamedTemporaryFile() as log, grpc_server(SERVER, url, log, LOG_LEVEL="INFO") as (port, _):
            asyncio.run(stalled(url, port, Path(log.name), product, options.readers))


if __name__ == "__main__":
    main()
