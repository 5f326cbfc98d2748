"""Options of gRPC's core, which ignores a name that it does not know."""

import ast
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from grpc._cython import cygrpc

from tests.support.factories import make_product
from tests.support.live import ROOT

SOURCES = (
    "core",
    "samples",
    "ecommerce",
    "accounts",
    "catalog",
    "orders",
    "webhooks",
    "tests",
    "benchmarks",
    "examples",
)
OPTION = re.compile(r"grpc\.(?!health\.|reflection\.)[a-z0-9_]+(?:\.[a-z0-9_]+)*")  # two packages have such names too
PINGS, PING_S = 6, 1.0  # a client's core sends one ping a second at most


@cache
def names_in_the_core() -> frozenset[str]:
    return frozenset(name.decode() for name in re.findall(rb"grpc\.[a-z0-9_.]+", Path(cygrpc.__file__).read_bytes()))


def options_in(tree: ast.AST) -> Iterator[str]:
    """Every option that a module names: the first of a pair, or a keyword of the tests' gRPC clients."""
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Constant(value=str(name)), _]) if OPTION.fullmatch(name):
                yield name
            case ast.Call(func=ast.Attribute(attr="client"), keywords=keywords):
                yield from (f"grpc.{word.arg.replace('__', '.')}" for word in keywords if word.arg and "__" in word.arg)


@pytest.mark.long
@pytest.mark.same_everywhere
def test_every_option_is_known_to_the_core():
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")]
    found = {(name, path.name) for path in files for name in options_in(ast.parse(path.read_text()))}

    assert {"grpc.so_reuseport", "grpc.enable_http_proxy", "grpc.http2.bdp_probe"} <= {name for name, _ in found}
    assert [(name, file) for name, file in sorted(found) if name not in names_in_the_core()] == []


def test_idle_stream_of_a_client_that_pings_stays_open(grpc_shops):
    shop = grpc_shops(GRPC_PING_INTERVAL_S="0.2")
    with shop.database():
        product = make_product()
    pinging = {"keepalive_time_ms": int(PING_S * 1000), "http2__max_pings_without_data": 0}
    watcher = shop.client(**pinging).open("WatchProducts")

    time.sleep(PINGS * PING_S)
    with shop.database():
        type(product).objects.filter(pk=product.pk).update(stock=77)

    assert next(watcher).new_stock == 77
