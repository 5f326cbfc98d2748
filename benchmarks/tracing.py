"""What OpenTelemetry costs: CPU of the server per request without traces, with 1 % of them, and with all.

    python -m benchmarks.tracing [--requests 1000] [--rounds 5]     # DATABASE_URL's server, or SQLite

One client asks, so that the CPU time is that of the server and not of a queue; the three servers take turns.
"""

import argparse
import http.client
import json
import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import grpc
import httpx

from benchmarks.grpc_streams import SERVER as GRPC_SERVER
from benchmarks.live import SERVER as WEB_SERVER
from benchmarks.servers import Usage, grpc_server, shop_database, using, web_server
from catalog.models import Product
from protos.product_pb2 import GetProductRequest
from protos.product_pb2_grpc import ProductServiceStub
from tests.support.collector import Collector
from tests.support.factories import make_user

PRODUCTS, WARM_UP = 10_000, 200
BUYER = {"username": "buyer", "password": "only for this measurement"}
LIST = json.dumps({"query": "{allProducts(first: 20) {edges {node {pk name price stock sku}}}}"})
ORDER = json.dumps({"items": [{"product_id": n, "quantity": 1} for n in (1, 2, 3)]})
REQUESTS = {
    "REST product detail": ("GET", "/api/v1/products/1", None),
    "REST list of 20": ("GET", "/api/v1/products", None),
    "REST place an order": ("POST", "/api/v1/orders", ORDER),
    "GraphQL list of 20": ("POST", "/graphql", LIST),
}
GET = "gRPC GetProduct"
SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}

Ask = Callable[[], None]


def asked_over_http(port: int, token: str, method: str, path: str, body: str | None) -> Ask:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json"} if body else {}
    if body == ORDER:
        headers["Authorization"] = f"Bearer {token}"

    def ask() -> None:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status < 300, answer

    return ask


@contextmanager
def shop(url: str, environment: Mapping[str, str]) -> Iterator[dict[str, tuple[Ask, Usage]]]:
    """Start a web and a gRPC server; yield what asks for each operation, with the server that answers."""
    with (
        web_server(WEB_SERVER, url, **environment) as (port, pid),
        grpc_server(GRPC_SERVER, url, **environment) as (grpc_port, grpc_pid),
        grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
    ):
        call = ProductServiceStub(channel).GetProduct
        token = httpx.post(f"http://127.0.0.1:{port}/api/v1/auth/token", json=BUYER).json()["access"]
        asks = {name: (asked_over_http(port, token, *what), Usage(pid)) for name, what in REQUESTS.items()}
        yield {**asks, GET: (lambda: call(GetProductRequest(id=1)), Usage(grpc_pid))}


def cpu_us(ask: Ask, server: Usage, requests: int) -> float:
    """Return the server's CPU time of one request, in microseconds."""
    before = server.cpu_s()
    for _ in range(requests):
        ask()
    return (server.cpu_s() - before) / requests * 1e6


def measure(requests: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median by operation, then by the share of traces."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        kept = {"KEEP_ALIVE_S": "600"}  # a connection waits while the others have their turns
        endpoint = kept | {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.enter_context(Collector()).url}
        url = stack.enter_context(shop_database(PRODUCTS))
        with using(url):
            Product.objects.update(stock=1_000_000)
            make_user(**BUYER)
        environments = {"off": kept, "1 %": endpoint | SAMPLED, "all": endpoint}
        shops = {share: stack.enter_context(shop(url, each)) for share, each in environments.items()}
        for turn in range(rounds + 1):
            for name in (*REQUESTS, GET):
                for share, asks in shops.items():
                    figure = cpu_us(*asks[name], requests if turn else WARM_UP)
                    if turn:
                        found[name][share].append(figure)
    return {name: {share: statistics.median(figures) for share, figures in by.items()} for name, by in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000, help="of each operation in a turn")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| CPU per request, us | traces off | 1 % | all |\n|---|---|---|---|")
    for name, by in measure(options.requests, options.rounds).items():
        print(f"| {name} | {' | '.join(f'{figure:.0f}' for figure in by.values())} |")
    print(f"Load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
