"""BatchCreateProducts: a stream of rows."""

import time
from collections.abc import Iterable, Iterator
from threading import Event
from typing import Any

import grpc
import pytest

from catalog.models import Product
from catalog.services import _report
from core.errors import InvalidInput
from core.protocols.rpc.rows import in_batches, spooled
from protos import product_pb2 as pb
from tests.support.factories import make_product, make_staff, make_user
from tests.support.rpc import TIMEOUT_S, Client, GrpcShop, refusal_in

BATCH_TIMEOUT_S = 300  # ten thousand rows, on a busy machine
ALL_OR_NONE = {"batch-atomic": "call"}


@pytest.fixture(scope="module")
def running(grpc_shops) -> GrpcShop:
    return grpc_shops()


@pytest.fixture
def shop(running) -> GrpcShop:
    with running.database():
        Product.objects.all().delete()
    return running


@pytest.fixture
def staff(shop) -> Client:
    with shop.database():
        return shop.client(make_staff())


def rows(count: int, **fields: Any) -> Iterator[pb.CreateProductRequest]:
    for n in range(count):
        yield pb.CreateProductRequest(**{"name": f"Row {n}", "price": 1.5, "stock": n} | fields)


def create(client: Client, requests: Iterable[pb.CreateProductRequest], **metadata: str) -> pb.BatchCreateResponse:
    names = {name.replace("_", "-"): value for name, value in metadata.items()}
    pairs = tuple((client.metadata | names).items())
    return client.method("BatchCreateProducts")(iter(requests), metadata=pairs, timeout=BATCH_TIMEOUT_S)


def created_in(shop: GrpcShop) -> list[str]:
    with shop.database():
        return list(Product.objects.order_by("id").values_list("name", flat=True))


def mixed() -> list[pb.CreateProductRequest]:
    """Rows of which those at 1, 3 and 4 are refused."""
    good, bad = {"price": 2}, {"price": -1}
    return [
        pb.CreateProductRequest(name="A", sku="S-1", **good),
        pb.CreateProductRequest(name="", **bad),
        pb.CreateProductRequest(name="B", **good),
        pb.CreateProductRequest(name="C", sku="s-1", **good),
        pb.CreateProductRequest(name="D", sku="TAKEN", **good),
    ]


def test_each_valid_row_is_created_and_the_others_say_why(shop, staff):
    with shop.database():
        make_product(name="Old", sku="taken")

    answer = create(staff, mixed())

    assert created_in(shop) == ["Old", "A", "B"]
    assert answer.created_count == 2
    assert [(failure.index, failure.code) for failure in answer.failures] == [
        (1, "invalid_input"),
        (3, "already_exists"),
        (4, "already_exists"),
    ]
    assert dict(answer.failures[0].fields) == {"name": "Name is required", "price": "Valid price is required"}
    assert answer.failures[1].message == "SKU is already taken"


def test_all_or_none_creates_none_when_one_is_refused(shop, staff):
    answer = create(staff, mixed(), batch_atomic="call")

    assert (answer.created_count, [failure.index for failure in answer.failures]) == (0, [1, 3])
    assert created_in(shop) == []


def test_all_or_none_creates_all_when_none_is_refused(shop, staff):
    answer = create(staff, rows(600), batch_atomic="call")

    assert (answer.created_count, len(answer.failures)) == (600, 0)
    assert created_in(shop) == [f"Row {n}" for n in range(600)]


def test_ten_thousand_refusals_fit_into_what_a_client_takes():
    texts = {"name": "Name has at most 200 characters", "description": "Description has at most 20000 characters"}
    texts |= dict.fromkeys(("price", "stock", "sku"), "Only printable ASCII characters are allowed.")
    answer = pb.BatchCreateResponse()

    _report(answer, 0, [InvalidInput(fields=texts)] * 10_000)

    assert answer.ByteSize() < 4 * 1024 * 1024
    assert [len(answer.failures[n].fields) for n in (999, 1_000)] == [5, 0]
    assert answer.failures[9_999].message.startswith("Name has at most 200 characters; ")


def test_row_beyond_ten_thousand_is_refused(shop, staff):
    answer = create(staff, rows(10_002))

    assert answer.created_count == len(created_in(shop)) == 10_000
    assert [(failure.index, failure.code) for failure in answer.failures] == [(10_000, "too_large")]


def test_rows_wait_in_a_file_for_their_transaction_up_to_the_limit_and_one_more():
    sent = rows(10, description="x" * 200_000)

    with spooled(sent, pb.CreateProductRequest, limit=7) as waiting:
        batches = [(start, [row.stock for row in batch]) for start, batch in in_batches(waiting, limit=7)]
        beyond = [row.stock for row in waiting]

    assert (batches, beyond, next(sent).stock) == ([(0, [0, 1, 2, 3, 4, 5, 6])], [7], 8)


@pytest.mark.parametrize(
    ("requests", "metadata"), [((), {}), ((), ALL_OR_NONE), (rows(1), {"batch-atomic": "perhaps"})]
)
def test_nothing_and_unknown_modes_are_refused(shop, staff, requests, metadata):
    with pytest.raises(grpc.RpcError) as refused:
        create(staff, requests, **metadata)

    assert refusal_in(refused.value)[::2][:2] == ("INVALID_ARGUMENT", "invalid_input")
    assert created_in(shop) == []


@pytest.mark.parametrize(("signed_in", "code"), [(False, "UNAUTHENTICATED"), (True, "PERMISSION_DENIED")])
def test_batches_are_for_staff_and_nobody_else_need_send_a_row(shop, signed_in, code):
    with shop.database():
        client = shop.client(make_user() if signed_in else None)

    with pytest.raises(grpc.RpcError) as refused:
        create(client, waiting(Event()))

    assert refusal_in(refused.value).code == code


def waiting(end: Event) -> Iterator[pb.CreateProductRequest]:
    end.wait(TIMEOUT_S)
    yield from rows(1)


def test_batches_that_wait_for_their_clients_are_few_and_leave_the_threads_to_others(shop, staff):
    end = Event()
    pairs = tuple(staff.metadata.items())
    calls = [staff.method("BatchCreateProducts").future(waiting(end), metadata=pairs) for _ in range(8)]
    time.sleep(0.5)

    with pytest.raises(grpc.RpcError) as refused:
        create(staff, rows(1))

    refusal = refusal_in(refused.value)
    assert (refusal.code, refusal.reason, refusal.retry_after_s) == ("RESOURCE_EXHAUSTED", "rate_limited", 1)
    assert staff.call("ListProducts").total == 0
    end.set()
    assert [call.result(TIMEOUT_S).created_count for call in calls] == [1] * 8


def test_client_that_leaves_in_the_middle_leaves_whole_batches(shop, staff):
    sent = Event()

    def many() -> Iterator[pb.CreateProductRequest]:
        yield from rows(700)
        sent.set()
        Event().wait(2)

    call = staff.method("BatchCreateProducts").future(many(), metadata=tuple(staff.metadata.items()))
    sent.wait(TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while len(created_in(shop)) < 500:
        assert time.monotonic() < deadline
    call.cancel()
    time.sleep(0.5)

    assert len(created_in(shop)) == 500
    assert create(staff, rows(1)).created_count == 1
