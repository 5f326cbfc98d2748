"""Streams over Connect and gRPC-Web: WatchProducts as gRPC has it, without a thread while it waits."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from catalog.models import Product
from core.feed.events import position_now
from core.models import ChangeEvent
from protos import product_pb2 as pb
from tests.support.api import access_token
from tests.support.connect import STREAM_WAYS, Refused, Stream, WebClient, WebShop, framed, path_of, written
from tests.support.events import flood
from tests.support.factories import make_product, make_user
from tests.support.live import Server
from tests.support.rpc import Refusal
from tests.support.waiting import wait_until

EVERY_WAY = pytest.mark.parametrize("way", STREAM_WAYS)


@pytest.fixture(scope="module")
def shop(web_shop) -> WebShop:
    return web_shop


def web(shop: WebShop, way: str = "Connect JSON", **options: Any) -> WebClient:
    return shop.caller(way=way, **options)


def product_in(shop: WebShop, **fields: Any) -> Product:
    with shop.database():
        return make_product(**fields)


def change(shop: WebShop, product: Product, **fields: Any) -> None:
    with shop.database():
        Product.objects.filter(pk=product.pk).update(**fields)


def newest(shop: WebShop) -> str:
    with shop.database():
        return str(position_now())


@contextmanager
def opened(product: Product, clients: dict[str, WebClient]) -> Iterator[dict[str, Stream]]:
    """Open a stream of the product for each client, under the client's name."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(client.open("WatchProducts", id=product.pk)) for name, client in clients.items()
        }


def taken(stream: Stream, count: int) -> list[pb.ProductUpdate]:
    return [next(stream.messages) for _ in range(count)]


def end_of(stream: Stream) -> tuple[Refusal, dict[str, str]]:
    """Read a stream to its end, which is a refusal; return that and the trailers."""
    with pytest.raises(Refused) as refused:
        list(stream.messages)
    return refused.value.args


@EVERY_WAY
def test_head_comes_at_once_and_then_every_change_as_grpc_tells_it(shop, way):
    product, other = product_in(shop, price=5, stock=3), product_in(shop)
    over_grpc = shop.client().open("WatchProducts", id=product.pk)
    position = newest(shop)

    with web(shop, way).open("WatchProducts", id=product.pk) as stream:
        change(shop, product, price="19.99")
        change(shop, other, price=1)
        change(shop, product, stock=0)
        updates = taken(stream, 2)

    assert stream.headers["cursor"] == position
    assert updates == [next(over_grpc) for _ in range(2)]
    assert [(update.new_price, update.new_stock) for update in updates] == [(19.99, 3), (19.99, 0)]
    over_grpc.cancel()


@EVERY_WAY
@pytest.mark.parametrize("by", ["header", "field"])
def test_cursor_takes_up_again_without_a_hole_or_a_double(shop, way, by):
    product = product_in(shop, stock=100)
    with web(shop, way).open("WatchProducts", id=product.pk) as stream:
        change(shop, product, stock=99)
        [last] = taken(stream, 1)
    for stock in range(98, 90, -1):
        change(shop, product, stock=stock)

    where = {"metadata": {"cursor": last.cursor}} if by == "header" else {"after": last.cursor}
    with web(shop, way).open("WatchProducts", id=product.pk, **where) as stream:
        missed = taken(stream, 8)
        change(shop, product, stock=90)
        missed += taken(stream, 1)

    assert [update.new_stock for update in missed] == list(range(98, 89, -1))
    assert stream.headers["cursor"] == last.cursor


@EVERY_WAY
def test_stream_that_is_refused_says_so_in_its_own_form(shop, way):
    with web(shop, way).open("WatchProducts", id=999_999) as stream:
        missing, _ = end_of(stream)
    with web(shop, way).open("WatchProducts", after="x") as stream:
        nonsense, _ = end_of(stream)
    with web(shop, way, token="nonsense").open("WatchProducts") as stream:
        nobody, _ = end_of(stream)

    assert (missing.code, missing.message) == ("NOT_FOUND", "Product 999999 not found")
    assert (nonsense.code, nonsense.message) == ("INVALID_ARGUMENT", "Invalid cursor")
    assert (nobody.code, nobody.reason) == ("UNAUTHENTICATED", "unauthenticated")
    assert len(missing.request_id) == 32


def test_cursor_that_is_too_old_is_out_of_range(shop):
    product = product_in(shop)
    for stock in (1, 2):
        change(shop, product, stock=stock)
    with shop.database():
        ChangeEvent.objects.all().delete()  # all but the newest, which is not the one after the first

    with web(shop).open("WatchProducts", after="1") as stream:
        refusal, _ = end_of(stream)

    assert (refusal.code, refusal.reason) == ("OUT_OF_RANGE", "cursor_expired")


def test_stream_ends_with_its_token(shop):
    product = product_in(shop, stock=5)
    with shop.database():
        token = AccessToken(access_token(make_user()).encode())
    token.set_exp(lifetime=timedelta(seconds=4))

    with opened(product, {way: web(shop, way, token=str(token)) for way in STREAM_WAYS}) as streams:
        change(shop, product, stock=4)
        updates = {way: taken(stream, 1)[0] for way, stream in streams.items()}
        ends = {way: end_of(stream) for way, stream in streams.items()}

    for way, (refusal, trailers) in ends.items():
        assert (refusal.code, refusal.reason) == ("UNAUTHENTICATED", "unauthenticated"), way
        assert trailers["cursor"] == updates[way].cursor, way


@EVERY_WAY
def test_deadline_ends_the_stream_with_its_cursor(shop, way):
    deadline = {"connect-timeout-ms": "500", "grpc-timeout": "500m"}

    with web(shop, way).open("WatchProducts", metadata=deadline) as stream:
        refusal, trailers = end_of(stream)

    assert refusal.code == "DEADLINE_EXCEEDED"
    assert trailers["cursor"] == stream.headers["cursor"]


def test_end_of_the_server_is_said_with_where_to_take_up_again(shop):
    server, product = shop.start(), product_in(shop, stock=5)
    with opened(product, {way: WebClient(server.url, way=way) for way in STREAM_WAYS}) as streams:
        change(shop, product, stock=4)
        updates = {way: taken(stream, 1)[0] for way, stream in streams.items()}
        server.process.send_signal(signal.SIGTERM)
        ends = {way: end_of(stream) for way, stream in streams.items()}
    server.process.wait(10)

    assert "Traceback" not in server.log
    for way, (refusal, trailers) in ends.items():
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "unavailable"), way
        assert trailers["cursor"] == updates[way].cursor, way


def ends_in(server: Server, status: str) -> int:
    """How many streams the log says have ended so."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return sum(line.get("path") == path_of("WatchProducts") and line["status"] == status for line in lines)


@pytest.fixture(scope="module")
def flooded(shop) -> tuple[str, int]:
    """Fill the feed with more events than sockets hold; return the cursor before them, and their number."""
    with shop.database():
        before = position_now()
        flood()
        return str(before), position_now() - before


@contextmanager
def stalled(server: Server, position: str, count: int) -> Iterator[None]:
    """Open a stream with many events to send, and read none of them."""
    request = framed(written(pb.GetProductRequest(after=position), STREAM_WAYS["Connect JSON"]))
    head = f"POST {path_of('WatchProducts')} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/connect+json\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(f"{head}Content-Length: {len(request)}\r\n\r\n".encode() + request)
        with WebClient(server.url, way="Connect binary").open("WatchProducts", after=position) as other:
            taken(other, count)  # who reads has all of it by now, and the server a full socket
        yield


def test_reader_that_takes_nothing_is_cut_off_and_costs_nobody_else_anything(shop, flooded):
    server, product = shop.start(STREAM_STALL_S="1"), product_in(shop, stock=1)

    with WebClient(server.url).open("WatchProducts", id=product.pk) as stream, stalled(server, *flooded):
        change(shop, product, stock=0)
        [update] = taken(stream, 1)
        wait_until(lambda: ends_in(server, "CANCELLED") == 2)  # one has read all, and left

    assert update.new_stock == 0
    assert "Traceback" not in server.log


def test_reader_that_takes_nothing_does_not_keep_the_server(shop, flooded):
    server = shop.start(STREAM_STALL_S="60")

    with stalled(server, *flooded):
        wait_until(lambda: ends_in(server, "CANCELLED") == 1)  # the one that read
        server.stop(timeout_s=20)

    assert ends_in(server, "CANCELLED") == 2
    assert "graceful shutdown exceeded" not in server.log


def test_streams_of_a_caller_are_counted_and_given_back(shop):
    server = shop.start(RATE_LIMITS="on", STREAMS_PER_CALLER="2")
    client = WebClient(server.url)

    with client.open("WatchProducts"), client.open("WatchProducts"), client.open("WatchProducts") as third:
        refusal, _ = end_of(third)
    wait_until(lambda: ends_in(server, "CANCELLED") == 2)
    with client.open("WatchProducts") as stream:
        assert stream.headers["cursor"]
        assert ";r=" in stream.headers["ratelimit"]

    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "rate_limited")


def test_streams_hold_no_thread(shop):
    server, product = shop.start(WEB_THREADS="1", STREAM_THREADS="1"), product_in(shop, stock=7)
    client = WebClient(server.url)
    with ExitStack() as stack:
        streams = [stack.enter_context(client.open("WatchProducts", id=product.pk)) for _ in range(50)]

        answer = client.call("GetProduct", id=product.pk)
        change(shop, product, stock=6)
        stocks = [taken(stream, 1)[0].new_stock for stream in streams]

    assert answer.product.stock == 7
    assert stocks == [6] * 50
