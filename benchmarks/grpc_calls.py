"""Calls a second of GetProduct and ListProducts(20) beside other gRPC servers, on the same database, in one run.

    python -m benchmarks.grpc_calls [--seconds 4] [--rounds 3] [--clients 8]     # DATABASE_URL's server, or SQLite

Each server is one process on one processor; the load is `h2load` (Debian: nghttp2-client) on the other, `--clients`
connections with one call at a time each. All servers run at once and are asked in turn, so that a machine that slows
down slows all of them. Prints the median of the rounds, server CPU time a call, and the ratio to this shop.
"""

import argparse
import re
import statistics
import struct
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import grpc

from benchmarks.servers import LOAD_CPU, Usage, grpc_server, pinned, shop_database
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceStub

PRODUCTS, PRODUCT = 10_000, 7_777
SERVERS = {
    "this shop": ["manage.py", "grpcrunserver", "127.0.0.1:PORT", "--verbosity=0"],
    "djangogrpcframework": ["-m", "benchmarks.peers.grpc_framework", "PORT"],
    "bare grpc.aio": ["-m", "benchmarks.peers.grpc_aio", "PORT"],
    "bare grpcio": ["-m", "benchmarks.peers.grpc_plain", "PORT"],
}
CALLS = {"GetProduct": pb.GetProductRequest(id=PRODUCT), "ListProducts": pb.ListProductsRequest(page_size=20)}


class Figure(NamedTuple):
    per_second: float
    cpu_us: float


def check(port: int) -> None:
    """Make each call once, and look at the answer: h2load does not. Raises AssertionError."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = ProductServiceStub(channel)
        product = stub.GetProduct(CALLS["GetProduct"]).product
        page = stub.ListProducts(CALLS["ListProducts"])
    assert (product.id, product.name, product.price) == (PRODUCT, f"Product {PRODUCT}", PRODUCT % 900 + 1)
    assert (len(page.products), page.total) == (20, PRODUCTS)


def measure(port: int, pid: int, method: str, body: Path, options: argparse.Namespace) -> Figure:
    url = f"http://127.0.0.1:{port}/ecommerce.ProductService/{method}"
    command = ["h2load", "-D", str(options.seconds), "--warm-up-time", "1", "-c", str(options.clients), "-m", "1"]
    command += ["-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers", url]
    usage = Usage(pid)
    before = usage.cpu_s()
    text = subprocess.run(pinned(LOAD_CPU, command), capture_output=True, text=True, check=True).stdout
    done, failed = map(int, re.search(r"(\d+) succeeded, (\d+) failed", text).groups())
    assert not failed, text
    # The CPU time holds the second of warming up too.
    calls = done * (options.seconds + 1) / options.seconds
    return Figure(done / options.seconds, (usage.cpu_s() - before) / calls * 1e6)


def print_table(figures: dict[tuple[str, str], list[Figure]]) -> None:
    print(f"{'':22}" + "".join(f"{method:>16}{'CPU us':>8}{'ratio':>7}" for method in CALLS))
    rates = {key: statistics.median(figure.per_second for figure in found) for key, found in figures.items()}
    for name in SERVERS:
        line = f"{name:22}"
        for method in CALLS:
            cpu = statistics.median(figure.cpu_us for figure in figures[name, method])
            ratio = rates["this shop", method] / rates[name, method]
            line += f"{rates[name, method]:>12.0f} /s{cpu:>9.0f}{ratio:>7.2f}"
        print(line)
    print("ratio: this shop's calls a second over the server's")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    figures: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    with ExitStack() as stack, TemporaryDirectory() as folder, shop_database(PRODUCTS) as url:
        servers = {name: stack.enter_context(grpc_server(command, url)) for name, command in SERVERS.items()}
        for method, message in CALLS.items():
            content = message.SerializeToString()
            Path(folder, method).write_bytes(struct.pack(">BI", 0, len(content)) + content)
        for port, _ in servers.values():
            check(port)
        for _ in range(options.rounds):
            for method in CALLS:
                for name, (port, pid) in servers.items():
                    figures[name, method].append(measure(port, pid, method, Path(folder, method), options))
    print_table(figures)


if __name__ == "__main__":
    main()
