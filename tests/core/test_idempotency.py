"""An operation that a caller named by a key is done once, however often and however simultaneously it is sent."""

import time
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from core import idempotency
from core.errors import IdempotencyMismatch, InProgress, InvalidInput
from core.idempotency import once
from core.models import IdempotencyRecord
from orders.actions import move_order, place_order
from orders.errors import OrderNotFound, OutOfStock
from orders.models import Order
from tests.support.factories import make_product, make_staff, make_user
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
on_committed_rows = pytest.mark.django_db(transaction=True)

KEY = "0f9c1f5e-6f2b-4d55-9a35-1d8a3f1f8f1f"


def facts(order: Order) -> dict[str, Any]:
    """Everything a client is told of an order."""
    columns = ("ordered_product_id", "sku", "name", "unit_price", "quantity", "line_total")
    items = [tuple(getattr(item, column) for column in columns) for item in order.items.all()]
    names = ("pk", "number", "user_id", "status", "total", "version", "created_at")
    return {name: getattr(order, name) for name in names} | {"items": items}


# -- One caller after another -----------------------------------------------------------------------------------


def test_same_key_and_input_give_the_same_order() -> None:
    buyer, lamp = make_user(), make_product(stock=5)

    first = place_order(actor=buyer, lines=[(lamp.pk, 2)], key=KEY)
    again = place_order(actor=buyer, lines=[(lamp.pk, 2)], key=KEY)

    assert facts(again) == facts(first)
    assert Order.objects.count() == 1
    assert Product.objects.get().stock == 3


def test_same_basket_in_other_words_is_the_same_input() -> None:
    buyer, lamp, bulb = make_user(), make_product(), make_product()

    first = place_order(actor=buyer, lines=[(lamp.pk, 1), (bulb.pk, 3)], key=KEY)
    again = place_order(actor=buyer, lines=[(bulb.pk, 1), (lamp.pk, 1), (bulb.pk, 2)], key=KEY)

    assert again.pk == first.pk


def test_same_key_with_other_input_is_refused() -> None:
    buyer, lamp = make_user(), make_product(stock=5)
    place_order(actor=buyer, lines=[(lamp.pk, 2)], key=KEY)

    with pytest.raises(IdempotencyMismatch, match=r"^Idempotency-Key was used with other input$"):
        place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)

    assert Order.objects.count() == 1
    assert Product.objects.get().stock == 3


def test_key_is_its_callers_own() -> None:
    lamp = make_product(stock=5)

    ones = place_order(actor=make_user(), lines=[(lamp.pk, 1)], key=KEY)
    others = place_order(actor=make_user(), lines=[(lamp.pk, 2)], key=KEY)

    assert ones.pk != others.pk
    assert Product.objects.get().stock == 2


def test_key_belongs_to_one_operation() -> None:
    user = make_user()
    calls = {"caller_id": user.pk, "key": KEY, "recall": str}

    first = once(operation="one", validated=[1], act=lambda: ("done", "memo"), **calls)
    other = once(operation="two", validated=[2], act=lambda: ("done too", "memo"), **calls)

    assert (first, other) == ("done", "done too")
    assert IdempotencyRecord.objects.count() == 2


def test_without_a_key_every_call_is_a_new_order() -> None:
    buyer, lamp = make_user(), make_product(stock=5)

    orders = {place_order(actor=buyer, lines=[(lamp.pk, 1)]).pk for _ in range(2)}

    assert len(orders) == 2
    assert not IdempotencyRecord.objects.exists()


def test_failed_call_leaves_the_key_free() -> None:
    buyer, lamp = make_user(), make_product(stock=0)
    with pytest.raises(OutOfStock):
        place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)
    assert not IdempotencyRecord.objects.exists()

    Product.objects.update(stock=7)
    order = place_order(actor=buyer, lines=[(lamp.pk, 7)], key=KEY)

    assert order.items.get().quantity == 7
    assert Product.objects.get().stock == 0


def test_replay_shows_the_order_as_it_was_placed_whatever_became_of_it() -> None:
    buyer, staff = make_user(), make_staff()
    lamp, bulb = make_product(price=Decimal("2.50"), stock=5, sku="L"), make_product(stock=5)
    lines = [(lamp.pk, 2), (bulb.pk, 1)]
    first = facts(place_order(actor=buyer, lines=lines, key=KEY))

    move_order(actor=staff, order_id=first["pk"], verb="pay")
    Product.objects.filter(pk=bulb.pk).update(price=Decimal("99.00"), name="Dear", stock=0)
    lamp.delete()

    assert facts(place_order(actor=buyer, lines=lines, key=KEY)) == first
    assert Order.objects.get().status == "paid"


def test_replay_of_a_cancelled_order_takes_no_stock() -> None:
    buyer, lamp = make_user(), make_product(stock=5)
    first = place_order(actor=buyer, lines=[(lamp.pk, 2)], key=KEY)
    move_order(actor=buyer, order_id=first.pk, verb="cancel")

    again = place_order(actor=buyer, lines=[(lamp.pk, 2)], key=KEY)

    assert (again.pk, again.status) == (first.pk, "pending")
    assert Product.objects.get().stock == 5


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é", "tab\t", "line\n", "nul\x00", "\ud800", "\x7f"], ids=ascii)
def test_malformed_key_is_refused(key: str) -> None:
    lamp = make_product(stock=5)

    with pytest.raises(InvalidInput, match=r"^Idempotency-Key must be 1 to 255 printable ASCII characters$"):
        place_order(actor=make_user(), lines=[(lamp.pk, 1)], key=key)

    assert not Order.objects.exists()
    assert Product.objects.get().stock == 5


@pytest.mark.parametrize("key", ["x", "a b", "~" * 255, f" {'x' * 255} "])
def test_key_of_any_printable_ascii_is_taken(key: str) -> None:
    buyer, lamp = make_user(), make_product(stock=5)

    first = place_order(actor=buyer, lines=[(lamp.pk, 1)], key=key)

    assert place_order(actor=buyer, lines=[(lamp.pk, 1)], key=key).pk == first.pk


@pytest.mark.parametrize("spelled", [f" {KEY}", f"{KEY} ", f"   {KEY}  "])
def test_spaces_at_the_ends_of_a_key_do_not_count(spelled: str) -> None:
    buyer, lamp = make_user(), make_product(stock=5)

    first = place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)

    assert place_order(actor=buyer, lines=[(lamp.pk, 1)], key=spelled).pk == first.pk
    assert IdempotencyRecord.objects.get().key == KEY
    assert Product.objects.get().stock == 4


def test_replay_of_an_order_that_sql_deleted_is_not_found_and_orders_nothing() -> None:
    buyer, lamp = make_user(), make_product(stock=5)
    order = place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)
    Order.objects.filter(pk=order.pk).delete()

    for _ in range(2):
        with pytest.raises(OrderNotFound, match=rf"^Order {order.pk} not found$"):
            place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)

    assert not Order.objects.exists()
    assert Product.objects.get().stock == 4


# -- Pruning ----------------------------------------------------------------------------------------------------


def aged(days: float) -> None:
    """Make every record so old."""
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(days=days))


def test_old_keys_go_and_are_new_keys_then(settings: Any) -> None:
    settings.IDEMPOTENCY_DAYS = 2
    buyer, lamp = make_user(), make_product(stock=5)
    old = place_order(actor=buyer, lines=[(lamp.pk, 1)], key="old")
    aged(days=2.1)
    young = place_order(actor=buyer, lines=[(lamp.pk, 1)], key="young")
    out = StringIO()

    call_command("prune", stdout=out)

    assert "Deleted 1 idempotency keys." in out.getvalue().splitlines()
    assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["young"]
    assert place_order(actor=buyer, lines=[(lamp.pk, 1)], key="young").pk == young.pk
    assert place_order(actor=buyer, lines=[(lamp.pk, 1)], key="old").pk not in (old.pk, young.pk)


def test_pruning_deletes_every_old_key_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PRUNED_AT_ONCE", 2)
    user = make_user()
    records = [IdempotencyRecord(user=user, operation="place_order", key=f"k{n}", input_hash="") for n in range(5)]
    IdempotencyRecord.objects.bulk_create(records)
    aged(days=8)

    with CaptureQueriesContext(connection) as captured:
        assert idempotency.prune_records(days=7) == 5

    assert sum("DELETE" in query["sql"] for query in captured) == 3
    assert not IdempotencyRecord.objects.exists()


def test_key_that_is_pruned_while_it_is_sent_again_is_a_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    buyer, lamp = make_user(), make_product(stock=5)
    first = place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)
    claim = idempotency._claim

    def claim_then_prune(values: idempotency.Claim) -> Any:
        record = claim(values)
        if record is None:
            IdempotencyRecord.objects.all().delete()
        return record

    monkeypatch.setattr(idempotency, "_claim", claim_then_prune)

    assert place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY).pk != first.pk
    assert Product.objects.get().stock == 3


@on_committed_rows
def test_retries_beside_pruning_are_all_answered() -> None:
    buyer, lamp = make_user(), make_product(stock=100)

    def retry() -> list[int]:
        return [place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY).pk for _ in range(10)]

    def prune() -> None:
        for _ in range(20):
            idempotency.prune_records(days=0)

    one, other, _ = at_once(retry, retry, prune)

    orders = {*one, *other}
    assert orders == set(Order.objects.values_list("pk", flat=True))
    assert Product.objects.get().stock == 100 - len(orders)


def test_record_says_what_it_is() -> None:
    assert str(IdempotencyRecord(operation="place_order", key="k")) == "place_order k"


def test_fault_of_the_database_is_not_called_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(claim: idempotency.Claim) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr(idempotency, "_claim", disk_full)

    with pytest.raises(OperationalError, match="disk full"), transaction.atomic():
        place_order(actor=make_user(), lines=[(make_product().pk, 1)], key=KEY)

    assert not Order.objects.exists()


# -- Twins ------------------------------------------------------------------------------------------------------


@on_committed_rows
def test_eight_duplicates_make_one_order_and_get_the_same_answer() -> None:
    buyer, lamp = make_user(), make_product(stock=50)

    orders = at_once(*[lambda: facts(place_order(actor=buyer, lines=[(lamp.pk, 3)], key=KEY))] * 8)

    assert orders == [orders[0]] * 8
    assert Order.objects.count() == 1
    assert Product.objects.get().stock == 47


@on_committed_rows
def test_of_eight_duplicates_with_other_input_one_wins() -> None:
    buyer, lamp = make_user(), make_product(stock=50)

    def place(units: int) -> Order:
        return place_order(actor=buyer, lines=[(lamp.pk, units)], key=KEY)

    outcomes = at_once(*[lambda units=units: place(units) for units in range(1, 9)])

    placed = [outcome for outcome in outcomes if isinstance(outcome, Order)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, IdempotencyMismatch)]
    assert (len(placed), len(refused)) == (1, 7)
    assert Product.objects.get().stock == 50 - placed[0].items.get().quantity


@on_committed_rows
def test_eight_duplicates_of_a_refused_order_are_all_refused() -> None:
    buyer, lamp = make_user(), make_product(stock=2)

    outcomes = at_once(*[lambda: place_order(actor=buyer, lines=[(lamp.pk, 3)], key=KEY)] * 8)

    assert [type(outcome) for outcome in outcomes] == [OutOfStock] * 8
    assert Product.objects.get().stock == 2
    assert not IdempotencyRecord.objects.exists()


@on_committed_rows
def test_eight_buyers_of_five_units_make_five_orders() -> None:
    lamp = make_product(stock=5)
    buyers = [make_user() for _ in range(8)]

    outcomes = at_once(
        *[lambda buyer=buyer: place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY) for buyer in buyers]
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Order"] * 5 + ["OutOfStock"] * 3
    assert Product.objects.get().stock == 0
    assert Order.objects.count() == 5


class SlowCall:
    """A keyed call that stays inside its transaction until it is let go."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.is_inside, self.may_go = Event(), Event()

    def first(self) -> str:
        def act() -> tuple[str, str]:
            self.is_inside.set()
            assert self.may_go.wait(30)
            return "the first", "memo"

        return once(caller_id=self.user.pk, operation="slow", key=KEY, validated=[], act=act, recall=str)

    def duplicate(self) -> str:
        assert self.is_inside.wait(30)
        return once(caller_id=self.user.pk, operation="slow", key=KEY, validated=[], act=self.done_twice, recall=str)

    @staticmethod
    def done_twice() -> Any:
        raise AssertionError("The operation was done a second time")


@on_committed_rows
def test_duplicate_waits_for_the_first_and_gets_its_answer() -> None:
    slow = SlowCall(make_user())

    def let_go_after_a_while() -> None:
        slow.is_inside.wait(30)
        time.sleep(0.8)
        slow.may_go.set()

    outcomes = at_once(slow.first, slow.duplicate, slow.duplicate, let_go_after_a_while)

    assert outcomes == ["the first", "memo", "memo", None]


@pytest.mark.live
@on_committed_rows
def test_duplicate_is_told_in_progress_when_the_first_takes_more_than_five_seconds() -> None:
    slow = SlowCall(make_user())

    def impatient_duplicate() -> tuple[Any, float]:
        assert slow.is_inside.wait(30)
        start = time.monotonic()
        try:
            return slow.duplicate(), 0.0
        except InProgress as refusal:
            return refusal, time.monotonic() - start
        finally:
            slow.may_go.set()

    first, (refusal, waited_s) = at_once(slow.first, impatient_duplicate)

    assert first == "the first"
    assert isinstance(refusal, InProgress)
    assert (refusal.status, refusal.retry_after_s) == (409, 1)
    assert 4.5 < waited_s < 15  # five, and what a busy machine adds
    assert slow.duplicate() == "memo"


def test_timeout_for_a_duplicate_is_not_kept_for_other_locks() -> None:
    buyer, lamp = make_user(), make_product()
    question = {"sqlite": "PRAGMA busy_timeout", "postgresql": "SHOW lock_timeout"}[connection.vendor]

    with connection.cursor() as cursor:
        cursor.execute(question)
        before = cursor.fetchone()
        place_order(actor=buyer, lines=[(lamp.pk, 1)], key=KEY)
        cursor.execute(question)

        assert cursor.fetchone() == before
