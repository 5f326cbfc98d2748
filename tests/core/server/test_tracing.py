"""Traces: one per request in every protocol, with its statements, which continues the caller's trace."""

import secrets
import subprocess
import sys

import grpc
import httpx
import pytest
from django.db import connection

from protos.product_pb2 import GetProductRequest
from protos.product_pb2_grpc import ProductServiceStub
from tests.support.factories import make_product
from tests.support.live import ROOT
from tests.support.rpc import GrpcServer

collector_module = pytest.importorskip(
    "tests.support.collector", reason="needs OpenTelemetry: `pip install -r deploy/tracing.txt`", exc_type=ImportError
)
PARENT = "00f067aa0ba902b7"
CALL = "/ecommerce.ProductService/GetProduct"


@pytest.fixture(scope="module")
def traced(live_shops):
    """A shop with a product, a web and a gRPC server that send traces, and their collector."""
    with collector_module.Collector() as collector:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        shop = live_shops(**endpoint)
        with shop.database():
            make_product(pk=1, name="Tea")
        server = GrpcServer(shop.folder, shop.env)
        server.wait_until_live()
        yield shop, server, collector
        server.kill()


def over_rest(shop, server, headers):
    return httpx.get(f"{shop.url}/api/v1/products/1", headers=headers, timeout=30).status_code == 200


def over_the_ordinary_path(shop, server, headers):
    headers = headers | {"accept": "application/xml"}
    return httpx.get(f"{shop.url}/api/v1/products/1", headers=headers, timeout=30).status_code == 200


def over_graphql(shop, server, headers):
    query = {"query": "{product(id: 1) {name}}"}
    answer = httpx.post(f"{shop.url}/graphql", json=query, headers=headers, timeout=30)
    return answer.json()["data"]["product"]["name"] == "Tea"


def over_connect(shop, server, headers):
    return httpx.post(f"{shop.url}{CALL}", json={"id": 1}, headers=headers, timeout=30).status_code == 200


def over_grpc(shop, server, headers):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = ProductServiceStub(channel).GetProduct
        return call(GetProductRequest(id=1), metadata=tuple(headers.items()), timeout=30).product.name == "Tea"


@pytest.mark.parametrize(
    ("ask", "protocol", "operation"),
    [
        (over_rest, "rest", "GET product-detail v1"),
        (over_the_ordinary_path, "rest", "GET product-detail v1"),
        (over_graphql, "graphql", "query product"),
        (over_connect, "connect", CALL.strip("/")),
        (over_grpc, "grpc", CALL.strip("/")),
    ],
)
def test_request_continues_the_trace_of_its_caller_and_holds_its_statements(traced, ask, protocol, operation):
    shop, server, collector = traced
    trace = secrets.token_hex(16)

    assert ask(shop, server, {"traceparent": f"00-{trace}-{PARENT}-01"})

    root, statements = collector.trace(trace)
    assert (root.name, root.parent, root.attributes["shop.protocol"]) == (operation, PARENT, protocol)
    assert {span.parent for span in statements} == {root.id}
    assert [span for span in statements if "catalog_product" in span.attributes["db.query.text"]] != []
    assert {span.attributes["db.system.name"] for span in statements} <= {"postgresql", "sqlite"}


def test_requests_without_a_trace_begin_one_each(traced):
    shop, server, collector = traced
    before = len(collector.spans)

    for _ in range(3):
        assert over_rest(shop, server, {"x-request-id": "without-a-trace"})
    over_grpc(shop, server, {})
    marker = secrets.token_hex(16)
    over_rest(shop, server, {"traceparent": f"00-{marker}-{PARENT}-01"})
    collector.trace(marker)

    roots = [span for span in collector.spans[before:] if span.is_server and not span.parent]
    assert len({span.trace for span in roots}) == len(roots) >= 3


def test_statements_have_no_values_and_refusals_are_no_errors(traced):
    shop, _, collector = traced
    trace, headers = secrets.token_hex(16), {"accept": "application/json"}
    url = f"{shop.url}/api/v1/products?search=secretword"

    httpx.get(url, headers=headers | {"traceparent": f"00-{trace}-{PARENT}-01"}, timeout=30)
    root, statements = collector.trace(trace)

    assert root.attributes["http.response.status_code"] == 200
    assert (root.is_error, "secretword" in str([root, *statements])) == (False, False)


@pytest.mark.long
def test_without_the_setting_opentelemetry_is_not_imported():
    code = "import sys, ecommerce.asgi; print(sorted(name for name in sys.modules if 'opentelemetry' in name))"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"


def test_statements_are_wrapped_only_if_their_request_is_recorded():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    from core.server.tracing.spans import in_this_span

    def wrappers() -> int:
        return len(connection.execute_wrappers)

    before, recorded = wrappers(), TracerProvider().get_tracer("test").start_span("request")
    with trace.use_span(recorded):
        assert in_this_span(wrappers)() == before + 1
    with trace.use_span(trace.INVALID_SPAN):
        assert in_this_span(wrappers)() == before
