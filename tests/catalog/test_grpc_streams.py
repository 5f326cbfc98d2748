"""Live products over gRPC: real processes, real sockets, two servers on one database."""

import time
from collections.abc import Iterator
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from catalog.models import Product
from core.feed.events import position_now
from core.models import ChangeEvent
from protos import product_pb2 as pb
from tests.support.api import access_token
from tests.support.factories import make_product, make_staff, make_user
from tests.support.rpc import TIMEOUT_S, GrpcShop, Refusal, end_of, refusal_in


@pytest.fixture(scope="module")
def shop(grpc_shops) -> GrpcShop:
    """Two servers on one database."""
    shop = grpc_shops()
    shop.start_grpc()
    return shop


class Sender:
    """What a client sends, piece by piece, while it listens."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._queue.get, None)

    def send(self, **fields: Any) -> None:
        self._queue.put(pb.ProductUpdate(**fields))

    def close(self) -> None:
        self._queue.put(None)


def product_in(shop: GrpcShop, **fields: Any) -> Product:
    with shop.database():
        return make_product(**fields)


def change(shop: GrpcShop, product: Product, **fields: Any) -> None:
    with shop.database():
        Product.objects.filter(pk=product.pk).update(**fields)


def facts(update: pb.ProductUpdate) -> tuple[int, float, int, str]:
    return update.product_id, update.new_price, update.new_stock, update.kind


# -- WatchProducts ----------------------------------------------------------------------------------------------


def test_watcher_gets_every_change_in_order_with_the_true_price_and_stock(shop):
    product, other = product_in(shop, price=5, stock=3), product_in(shop)
    call = shop.client().open("WatchProducts", id=product.pk)

    change(shop, product, price="19.99")
    change(shop, other, price=1)
    with shop.database(), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [product.pk])
        Product.objects.filter(pk=product.pk).delete()

    updates = [next(call) for _ in range(3)]
    assert [facts(update) for update in updates] == [
        (product.pk, 19.99, 3, "updated"),
        (product.pk, 19.99, 2, "updated"),
        (product.pk, 19.99, 2, "deleted"),
    ]
    assert [int(update.cursor) for update in updates] == sorted({int(update.cursor) for update in updates})
    assert abs(updates[0].timestamp - time.time()) < 60
    call.cancel()


def test_watcher_of_0_gets_all_products_on_every_server(shop):
    calls = [shop.client(server=n).open("WatchProducts", id=0) for n in (0, 1)]

    product = product_in(shop, price=7, stock=1)

    assert [facts(next(call)) for call in calls] == [(product.pk, 7.0, 1, "created")] * 2
    for call in calls:
        call.cancel()


def test_change_reaches_a_watcher_within_a_second(shop):
    product = product_in(shop)
    call = shop.client().open("WatchProducts", id=product.pk)

    def seconds_until_seen(stock: int) -> float:
        start = time.monotonic()
        change(shop, product, stock=stock)
        next(call)
        return time.monotonic() - start

    assert min(seconds_until_seen(stock) for stock in range(1, 6)) < 1  # a busy machine delays some, but not all
    call.cancel()


@pytest.mark.parametrize("position", ["field", "metadata"])
def test_watcher_takes_up_again_from_its_cursor_without_a_seam(shop, position):
    product = product_in(shop, stock=0)
    call = shop.client().open("WatchProducts", id=product.pk)
    change(shop, product, stock=1)
    cursor = next(call).cursor
    call.cancel()
    for stock in range(2, 40):
        change(shop, product, stock=stock)

    given = {"after": cursor} if position == "field" else {"metadata": {"cursor": cursor}}
    call = shop.client(server=1).open("WatchProducts", id=product.pk, **given)
    change(shop, product, stock=40)

    assert [next(call).new_stock for _ in range(39)] == list(range(2, 41))
    call.cancel()


def test_stream_says_at_once_where_it_begins(shop):
    product = product_in(shop)
    call = shop.client().open("WatchProducts", id=product.pk)
    cursor = dict(call.initial_metadata())["cursor"]
    call.cancel()
    change(shop, product, stock=77)

    call = shop.client().open("WatchProducts", id=product.pk, after=cursor)

    assert next(call).new_stock == 77
    call.cancel()


def test_deleted_product_can_be_watched_from_a_cursor(shop):
    product = product_in(shop)
    cursor = dict(shop.client().open("WatchProducts", id=0).initial_metadata())["cursor"]
    with shop.database():
        Product.objects.filter(pk=product.pk).delete()

    assert next(shop.client().open("WatchProducts", id=product.pk, after=cursor)).kind == "deleted"
    assert end_of(shop.client().open("WatchProducts", id=product.pk))[:3] == (
        "NOT_FOUND",
        f"Product {product.pk} not found",
        "not_found",
    )


@pytest.mark.parametrize(
    ("cursor", "code", "reason"),
    [
        ("nonsense", "INVALID_ARGUMENT", "invalid_input"),
        ("-1", "INVALID_ARGUMENT", "invalid_input"),
        ("999999999999", "OUT_OF_RANGE", "cursor_expired"),
    ],
)
def test_cursor_of_no_use_is_refused(shop, cursor, code, reason):
    refusal = end_of(shop.client().open("WatchProducts", id=0, after=cursor))

    assert (refusal.code, refusal.reason) == (code, reason)


def test_cursor_that_is_no_longer_kept_has_expired(grpc_shops):
    shop = grpc_shops()
    product = product_in(shop)
    for stock in range(3):
        change(shop, product, stock=stock)
    with shop.database():
        position_now()  # they are numbered now
        ChangeEvent.objects.filter(seq__lte=2).delete()

    assert end_of(shop.client().open("WatchProducts", id=0, after="1")).reason == "cursor_expired"
    assert next(shop.client().open("WatchProducts", id=0, after="2")).cursor == "3"


@pytest.mark.parametrize("method", ["WatchProducts", "LivePriceUpdates", "BatchCreateProducts"])
def test_bad_token_is_refused_before_the_first_message(shop, method):
    call = shop.client().channel.stream_stream(f"/ecommerce.ProductService/{method}")
    silent = call(iter(Sender()), metadata=(("authorization", "Bearer nonsense"),), timeout=TIMEOUT_S)

    assert end_of(silent)[:3] == ("UNAUTHENTICATED", "Invalid token", "unauthenticated")


def test_stream_ends_with_its_token_and_one_without_or_with_one_that_lasts_goes_on(shop):
    product = product_in(shop, stock=5)
    with shop.database():
        user = make_user()
        token = AccessToken(access_token(user).encode())
    token.set_exp(lifetime=timedelta(seconds=3))
    client = shop.client(token=str(token))
    ending = [client.open("WatchProducts", id=product.pk), client.open("LivePriceUpdates", Sender())]
    lasting = [client.open("WatchProducts", id=product.pk) for client in (shop.client(), shop.client(user))]
    change(shop, product, stock=4)
    cursors = [next(call).cursor for call in ending]

    refusals = [end_of(call) for call in ending]

    text = "The token has expired: resume from the last cursor with a new token"
    assert [refusal[:3] for refusal in refusals] == [("UNAUTHENTICATED", text, "unauthenticated")] * 2
    assert [dict(call.trailing_metadata())["cursor"] for call in ending] == cursors
    change(shop, product, stock=3)
    assert [[next(call).new_stock for _ in range(2)] for call in lasting] == [[4, 3], [4, 3]]
    assert next(shop.client().open("WatchProducts", id=product.pk, after=cursors[0])).new_stock == 3


def test_many_watchers_leave_the_threads_to_others(shop):
    product = product_in(shop)
    client = shop.client()
    calls = [client.open("WatchProducts", id=product.pk) for _ in range(100)]

    assert client.call("GetProduct", id=product.pk).product.id == product.pk
    change(shop, product, stock=5)

    assert {next(call).new_stock for call in calls} == {5}
    for call in calls:
        call.cancel()


def test_caller_holds_as_many_streams_as_the_setting_says(grpc_shops):
    shop = grpc_shops(RATE_LIMITS="on", STREAMS_PER_CALLER="3")
    with shop.database():
        user = make_user()
    client = shop.client(user)
    calls = [client.open("WatchProducts") for _ in range(3)]

    refusal = end_of(client.open("LivePriceUpdates", Sender()))

    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "rate_limited")
    shop.client().open("WatchProducts").cancel()
    calls[0].cancel()
    deadline = time.monotonic() + 5
    while (again := client.open("WatchProducts")).done():  # the position is free when the server knows
        assert time.monotonic() < deadline
    again.cancel()


# -- LivePriceUpdates -------------------------------------------------------------------------------------------


def test_accepted_price_reaches_every_client_of_every_server(shop):
    product = product_in(shop, price=5, stock=3)
    with shop.database():
        staff = make_staff()
    sender = Sender()
    live = shop.client(staff).open("LivePriceUpdates", sender)
    others = [
        shop.client(server=1).open("LivePriceUpdates", Sender()),
        shop.client(server=1).open("WatchProducts", id=product.pk),
    ]

    sender.send(product_id=product.pk, new_price=6.5, new_stock=99)

    for call in (live, *others):
        assert facts(next(call)) == (product.pk, 6.5, 3, "updated")
        call.cancel()
    with shop.database():
        assert Product.objects.get(pk=product.pk).stock == 3


def test_refused_price_is_told_to_its_sender_alone_and_the_stream_goes_on(shop):
    product = product_in(shop, price=5)
    with shop.database():
        staff = make_staff()
    sender = Sender()
    live = shop.client(staff).open("LivePriceUpdates", sender)
    other = shop.client().open("LivePriceUpdates", Sender())

    sender.send(product_id=product.pk, new_price=-1)
    sender.send(product_id=product.pk, new_price=float("nan"))
    sender.send(product_id=0, new_price=1)
    refused = [next(live) for _ in range(3)]
    sender.send(product_id=product.pk, new_price=8)

    assert [(update.product_id, update.error_code, update.error_message) for update in refused] == [
        (product.pk, "invalid_input", "Valid price is required"),
        (product.pk, "invalid_input", "Valid price is required"),
        (0, "not_found", "Product 0 not found"),
    ]
    assert facts(next(live)) == facts(next(other)) == (product.pk, 8.0, product.stock, "updated")
    live.cancel()
    other.cancel()


def test_prices_are_set_by_staff_alone_and_everybody_may_listen(shop):
    product = product_in(shop, price=5)
    with shop.database():
        user = make_user()
    for client, code in ((shop.client(), "unauthenticated"), (shop.client(user), "forbidden")):
        sender = Sender()
        live = client.open("LivePriceUpdates", sender)
        sender.send(product_id=product.pk, new_price=1)

        assert next(live).error_code == code
        live.cancel()

    with shop.database():
        assert Product.objects.get(pk=product.pk).version == 1


def test_staff_who_is_none_any_more_sets_no_price(shop):
    product = product_in(shop, price=5)
    with shop.database():
        staff = make_staff()
    sender = Sender()
    live = shop.client(staff).open("LivePriceUpdates", sender)
    with shop.database():
        type(staff).objects.filter(pk=staff.pk).update(is_staff=False)

    sender.send(product_id=product.pk, new_price=1)

    assert next(live).error_code == "forbidden"
    live.cancel()


def test_client_that_has_sent_its_last_price_still_listens(shop):
    product = product_in(shop, stock=0)
    live = shop.client().open("LivePriceUpdates", ())
    time.sleep(0.1)

    change(shop, product, stock=9)

    assert next(live).new_stock == 9
    live.cancel()


# -- Clients that read nothing ----------------------------------------------------------------------------------


def test_client_that_reads_nothing_is_cut_off_and_costs_the_others_nothing(grpc_shops):
    shop = grpc_shops(GRPC_STALL_S="1")
    stalled = shop.client(http2__bdp_probe=0).open("WatchProducts")  # its window stays at 64 KiB
    reader = shop.client().open("WatchProducts")
    with shop.database():
        Product.objects.bulk_create([Product(name=f"Tea {n}", price=1) for n in range(6_000)])
        ids = list(Product.objects.order_by("id").values_list("id", flat=True))

    assert [next(reader).product_id for _ in ids] == ids
    deadline = time.monotonic() + 30
    while '"status": "UNAVAILABLE"' not in shop.servers[0].log:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    taken, refusal = _read(stalled)

    assert (refusal.code, refusal.message.partition(":")[0]) == ("UNAVAILABLE", "slow_reader")
    assert 500 < len(taken) < 6_000
    again = shop.client().open("WatchProducts", after=taken[-1].cursor)
    assert [update.product_id for update in taken] + [next(again).product_id for _ in ids[len(taken) :]] == ids


def _read(call: Any) -> tuple[list[pb.ProductUpdate], Refusal]:
    """Read a stream that is cut off: what it gave, and why it ended."""
    updates: list[pb.ProductUpdate] = []
    with pytest.raises(grpc.RpcError) as cut:
        updates.extend(call)
    return updates, refusal_in(cut.value)
