"""The cost of the change feed for a write, and the delay from a change in manual SQL to a watcher.

    python -m benchmarks.feed [--seconds 4] [--rounds 3] [--writers 8]     # DATABASE_URL's server, or SQLite

Writers update the stock of products in plain SQL: all updates change the same row, or each picks one of 1,000 rows. On
PostgreSQL `pgbench` runs the writers; on SQLite there is one connection, as only one writer can run at a time. Each
round measures without the feed's triggers and with them; the version trigger stays. With the feed it measures without
and with a reader, which reads all events, and on PostgreSQL also numbers them.
"""

import argparse
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import grpc
import psycopg
from django.db import connection

from benchmarks.servers import grpc_server, shop_database, using
from catalog.triggers import product_feed
from core.feed.reader import FeedReader
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceStub

PRODUCTS = 1_000
CHANGES_BY_HAND = 200
UPDATE = "UPDATE catalog_product SET stock = stock + 1 WHERE id = {id};"


def set_triggers(url: str, *, are_there: bool) -> None:
    with using(url), connection.cursor() as cursor:
        for trigger in product_feed:
            for statement in trigger.drop_sql(connection.vendor):
                cursor.execute(statement)
            if are_there:
                for statement in trigger.create_sql(connection.vendor):
                    cursor.execute(statement)


def updates_on_postgresql(url: str, of_products: int, options: argparse.Namespace) -> float:
    with TemporaryDirectory() as folder:
        script = Path(folder) / "update.sql"
        script.write_text(f"\\set id random(1, {of_products})\n{UPDATE.format(id=':id')}\n")
        command = ["pgbench", "-n", "-M", "prepared", "-c", str(options.writers), "-T", str(options.seconds)]
        done = subprocess.run([*command, "-f", script, url], capture_output=True, text=True, check=True)
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])


def updates_on_sqlite(url: str, of_products: int, options: argparse.Namespace) -> float:
    raw = sqlite3.connect(urlsplit(url).path, isolation_level=None, timeout=20)
    raw.execute("PRAGMA synchronous=NORMAL")
    done, end = 0, time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        raw.execute(UPDATE.format(id="?"), (done % of_products + 1,))
        done += 1
    raw.close()
    return done / options.seconds


@contextmanager
def followed(url: str) -> Iterator[None]:
    """Follow all changes in a separate process, as a server with one watcher does."""
    command, env = [sys.executable, "-m", "benchmarks.feed", "--follow"], {**os.environ, "DATABASE_URL": url}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def follow() -> None:
    """Take all events until the process is terminated."""
    awake = threading.Event()
    reader = FeedReader(lambda event: True, awake.set)
    print("follows", flush=True)
    while True:
        awake.wait()
        awake.clear()
        reader.take()


def cost(url: str, options: argparse.Namespace) -> None:
    is_sqlite = url.startswith("sqlite")
    updates: Callable[..., float] = updates_on_sqlite if is_sqlite else updates_on_postgresql
    rates: dict[tuple[int, str], list[float]] = defaultdict(list)
    kinds = (1, PRODUCTS)
    for _ in range(options.rounds):
        for of_products in kinds:
            set_triggers(url, are_there=False)
            rates[of_products, "no feed"].append(updates(url, of_products, options))
            set_triggers(url, are_there=True)
            rates[of_products, "feed"].append(updates(url, of_products, options))
            with followed(url):
                rates[of_products, "feed, followed"].append(updates(url, of_products, options))
    print(f"Updates a second, {'1 writer' if is_sqlite else f'{options.writers} writers'}")
    for of_products in kinds:
        medians = {name: statistics.median(found) for (kind, name), found in rates.items() if kind == of_products}
        base = medians["no feed"]
        line = ", ".join(f"{name} {rate:,.0f} ({rate / base:.2f})" for name, rate in medians.items())
        print(f"  {'one product' if of_products == 1 else f'one of {of_products}'}: {line}")


def by_hand(url: str) -> Callable[[int], None]:
    """Return a function that sets the first product's stock on a raw connection."""
    if url.startswith("sqlite"):
        raw = sqlite3.connect(urlsplit(url).path, isolation_level=None, timeout=20)
        return lambda stock: raw.execute("UPDATE catalog_product SET stock = ? WHERE id = 1", (stock,))
    direct = psycopg.connect(url, autocommit=True)
    return lambda stock: direct.execute("UPDATE catalog_product SET stock = %s WHERE id = 1", (stock,))


def delay(url: str) -> None:
    """Change a product by SQL again and again, and measure the delay to a gRPC watcher."""
    command = ["manage.py", "grpcrunserver", "127.0.0.1:PORT", "--verbosity=0"]
    took: list[float] = []
    with grpc_server(command, url) as (port, _), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = ProductServiceStub(channel).WatchProducts(pb.GetProductRequest(id=1))
        call.initial_metadata()
        change = by_hand(url)
        for stock in range(CHANGES_BY_HAND):
            time.sleep(0.03)
            change(stock)
            start = time.perf_counter()
            assert next(call).new_stock == stock
            took.append((time.perf_counter() - start) * 1000)
        call.cancel()
    cuts = statistics.quantiles(took, n=100)
    print(f"From manual SQL to a watcher: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms of {len(took)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.follow:
        follow()
        return
    with shop_database(PRODUCTS) as url:
        delay(url)
        cost(url, options)


if __name__ == "__main__":
    main()
