"""From events to deliveries: to whom, of what, exactly once."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from core.feed.events import newest_seq, position_now, prune_events
from core.models import ChangeEvent
from orders.actions import move_order
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.webhooks.hooks import make_endpoint, plan_all, told
from webhooks import planning
from webhooks.models import Delivery, Position
from webhooks.payloads import payloads_of
from webhooks.planning import Planner

pytestmark = pytest.mark.django_db


def test_every_event_is_told_to_every_endpoint_that_wants_its_type() -> None:
    everything = make_endpoint()
    orders = make_endpoint(event_types=["order.placed", "order.moved"])
    product = make_product()
    order = make_order(lines={product: 1})
    move_order(actor=make_staff(), order_id=order.pk, verb="pay")
    product.delete()

    plan_all()

    assert told(everything) == [
        *("product.created", "product.updated", "order.placed", "order.moved", "product.deleted")
    ]
    assert told(orders) == ["order.placed", "order.moved"]
    assert Position.objects.get().seq == newest_seq()


def test_payload_of_a_product_tells_its_facts_and_the_cursor() -> None:
    endpoint = make_endpoint()
    product = make_product(price=Decimal("19.99"), stock=3)
    plan_all()

    delivery = endpoint.deliveries.get()

    event = ChangeEvent.objects.get(seq=delivery.seq)
    assert json.loads(delivery.payload) == {
        "type": "product.created",
        "timestamp": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "cursor": str(event.seq),
        "data": {
            "product_id": product.pk,
            "new_price": 19.99,
            "new_stock": 3,
            "timestamp": int(event.at.timestamp()),
            "kind": "created",
        },
    }
    assert (delivery.topic, delivery.kind, delivery.object_id) == ("product", "created", product.pk)
    assert (delivery.state, delivery.attempts, delivery.failures) == ("pending", 0, 0)


def test_payload_of_an_order_names_nobody() -> None:
    endpoint = make_endpoint(event_types=["order.placed", "order.moved"])
    user = make_user(username="marie", email="marie@example.com")
    order = make_order(user)
    move_order(actor=make_staff(), order_id=order.pk, verb="pay")
    plan_all()

    placed, moved = (json.loads(delivery.payload) for delivery in endpoint.deliveries.order_by("seq"))

    assert {**moved["data"], "timestamp": 0} == {
        "order_id": order.pk,
        "number": order.number,
        "user_id": user.pk,
        "status": "paid",
        "timestamp": 0,
        "kind": "moved",
    }
    assert (placed["type"], placed["data"]["status"], moved["type"]) == ("order.placed", "pending", "order.moved")
    assert "marie" not in endpoint.deliveries.first().payload


def test_payloads_cost_one_statement_however_many_orders(django_assert_num_queries) -> None:
    begin = position_now()
    for _ in range(3):
        make_order()
    position_now()
    events = planning.events_after(begin)

    with django_assert_num_queries(1):
        payloads = payloads_of(events)

    assert list(payloads) == [event.seq for event in events]


def test_what_happened_before_an_endpoint_was_there_is_not_told() -> None:
    early = make_endpoint()
    make_product()
    late = make_endpoint()
    make_product()

    plan_all()

    assert len(told(early)) == 2
    assert len(told(late)) == 1


def test_endpoint_that_is_off_is_told_nothing() -> None:
    off, on = make_endpoint(is_active=False), make_endpoint()
    make_product()

    plan_all()

    assert (told(off), told(on)) == ([], ["product.created"])


def test_without_an_endpoint_nothing_is_written() -> None:
    make_product()
    make_endpoint(is_active=False)

    assert Planner().plan() is None
    assert Position.objects.count() == 0


def test_second_planner_makes_nothing_twice() -> None:
    endpoint = make_endpoint()
    make_product()
    first, second = Planner(), Planner()

    assert (first.plan(), second.plan(), first.plan()) == (1, 0, 0)
    assert len(told(endpoint)) == 1


def test_planner_that_waited_while_another_went_further_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = make_endpoint()
    make_product()
    stale = [position_now()]
    make_product()
    plan_all()
    real = planning.newest_seq
    monkeypatch.setattr(planning, "newest_seq", lambda: stale.pop() if stale else real())

    assert Planner().plan() == 0

    assert endpoint.deliveries.filter(seq=None).count() == 0
    assert caplog.text == ""


def test_position_and_deliveries_move_together_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = make_endpoint()
    make_product()

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Position, "save", fail)
        with pytest.raises(ZeroDivisionError):
            Planner().plan()
    assert Delivery.objects.count() == 0

    plan_all()
    assert len(told(endpoint)) == 1


def test_database_itself_refuses_a_second_delivery_of_an_event() -> None:
    endpoint = make_endpoint()
    fields = {"endpoint": endpoint, "seq": 7, "topic": "product", "kind": "created", "payload": "{}"}
    Delivery.objects.create(message_id="msg_1", **fields)

    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(message_id="msg_2", **fields)
    for number in (3, 4):
        Delivery.objects.create(message_id=f"msg_{number}", **fields | {"seq": None})


def test_more_events_than_a_page_are_made_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = make_endpoint()
    for _ in range(7):
        make_product()
    real = planning.events_after
    monkeypatch.setattr(planning, "events_after", lambda seq: real(seq, limit=3))
    planner = Planner()

    assert [planner.plan() for _ in range(4)] == [3, 3, 1, 0]
    assert len(set(endpoint.deliveries.values_list("seq", flat=True))) == 7


def test_feed_keeps_what_an_endpoint_is_still_to_be_told_however_old(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = make_endpoint()
    make_product()
    plan_all()
    for _ in range(3):
        make_product()

    prune_events(days=0)
    plan_all()

    assert len(told(endpoint)) == 4
    assert f"Events after {endpoint.starts_after + 1} are kept" in caplog.text
    assert "deliverwebhooks" in caplog.text


@pytest.mark.parametrize("is_told", [False, True], ids=["off", "all told"])
def test_feed_keeps_nothing_for_an_endpoint_that_needs_nothing(is_told: bool) -> None:
    make_endpoint(is_active=is_told)
    for _ in range(3):
        make_product()
    plan_all()

    prune_events(days=0)

    assert ChangeEvent.objects.count() == 1


def test_events_that_were_deleted_unsent_are_named_and_the_rest_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = make_endpoint()
    make_product()
    plan_all()
    for _ in range(3):
        make_product()
    ChangeEvent.objects.filter(seq__lt=position_now()).delete()
    make_product()

    plan_all()

    first = endpoint.starts_after + 1
    assert list(endpoint.deliveries.order_by("seq").values_list("seq", flat=True)) == [first, first + 3, first + 4]
    assert f"events {first + 1} to {first + 2} were deleted before they were sent" in caplog.text


def test_feed_that_was_emptied_by_hand_is_followed_anew(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = make_endpoint()
    for _ in range(3):
        make_product()
    plan_all()
    ChangeEvent.objects.all()._raw_delete("default")
    ChangeEvent.objects.update(seq=1)
    make_product()
    position_now()

    plan_all()
    make_product()
    plan_all()

    assert "continuing from its end" in caplog.text
    assert endpoint.deliveries.filter(seq=newest_seq()).count() == 1
    assert endpoint.deliveries.count() >= 4


def test_moment_of_the_payload_is_utc() -> None:
    make_endpoint()
    make_product()
    plan_all()

    stamp = json.loads(Delivery.objects.get().payload)["timestamp"]

    assert stamp.endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds()) < 60
