"""What is taken to be tried, in which order, and what an outcome leads to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Product
from tests.support.factories import make_product
from tests.webhooks.hooks import attempts_of, end, make_endpoint, plan_all, skip_pause
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.pruning import prune_deliveries
from webhooks.retries import pause_after
from webhooks.sending import end_leases, lease_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint() -> Endpoint:
    return make_endpoint()


def due(count: int = 1) -> list[Product]:
    """Make so many products, and the deliveries of that."""
    products = [make_product() for _ in range(count)]
    plan_all()
    return products


def seconds_from_now(delivery: Delivery) -> float:
    assert delivery.next_attempt_at is not None
    return (delivery.next_attempt_at - timezone.now()).total_seconds()


# -- Taking ---------------------------------------------------------------------------------------------------------
def test_what_is_taken_is_nobody_elses_and_its_try_is_on_record(endpoint: Endpoint) -> None:
    due(3)

    attempts = lease_due(endpoint, 2)

    assert [attempt.number for attempt in attempts] == [1, 1]
    assert len(lease_due(endpoint, 9)) == 1
    assert lease_due(endpoint, 9) == []
    taken = Delivery.objects.get(pk=attempts[0].delivery_id)
    assert (taken.state, taken.attempts, attempts_of(taken)) == ("pending", 1, [(1, None, "", "")])
    assert (attempts[0].payload, attempts[0].message_id, attempts[0].url) == (
        taken.payload,
        taken.message_id,
        endpoint.url,
    )
    assert attempts[0].secrets == (endpoint.secret,)


def test_try_whose_process_died_is_made_again_after_its_time(endpoint: Endpoint, settings: Any) -> None:
    due()
    (lost,) = lease_due(endpoint, 9)
    delivery = Delivery.objects.get()
    assert settings.WEBHOOK_TIMEOUT_S < seconds_from_now(delivery) <= settings.WEBHOOK_TIMEOUT_S + 10

    skip_pause(delivery)
    (again,) = lease_due(endpoint, 9)

    assert (again.number, again.message_id) == (2, lost.message_id)
    assert attempts_of(delivery) == [(1, None, "", ""), (2, None, "", "")]


def test_try_that_comes_back_after_its_time_is_on_record_and_decides_nothing(endpoint: Endpoint) -> None:
    due()
    (late,) = lease_due(endpoint, 9)
    skip_pause(Delivery.objects.get())
    (again,) = lease_due(endpoint, 9)

    delivery = end(late, 500, error="The receiver answered 500")
    assert (delivery.state, delivery.failures) == ("pending", 0)
    delivery = end(again, 200)

    assert delivery.state == "delivered"
    assert attempts_of(delivery) == [(1, 500, "The receiver answered 500", ""), (2, 200, "", "")]


def test_first_tries_of_one_object_are_in_order_and_others_do_not_wait(endpoint: Endpoint) -> None:
    product, _ = due(2)
    Product.objects.filter(pk=product.pk).update(stock=1)
    Product.objects.filter(pk=product.pk).update(stock=2)
    plan_all()
    first, second, third = Delivery.objects.filter(object_id=product.pk).order_by("seq")

    attempts = lease_due(endpoint, 9)
    assert attempts[0].delivery_id == first.pk
    assert len(attempts) == 2
    assert lease_due(endpoint, 9) == []

    end(attempts[0], 500)  # a failure too: the newer ones do not wait for hours
    (next_try,) = lease_due(endpoint, 9)
    assert next_try.delivery_id == second.pk
    end(next_try)
    assert [attempt.delivery_id for attempt in lease_due(endpoint, 9)] == [third.pk]


def test_order_is_kept_for_each_endpoint_by_itself(endpoint: Endpoint) -> None:
    other = make_endpoint()
    (product,) = due()
    Product.objects.filter(pk=product.pk).update(stock=1)
    plan_all()
    (held,) = lease_due(endpoint, 9)
    end(lease_due(other, 9)[0])

    assert len(lease_due(other, 9)) == 1
    assert lease_due(endpoint, 9) == []
    end(held)
    assert len(lease_due(endpoint, 9)) == 1


def test_endpoints_with_scheduled_deliveries_are_those_that_can_be_sent_to(endpoint: Endpoint) -> None:
    now = timezone.now()
    off, paused, over, idle = (make_endpoint() for _ in range(4))
    idle.event_types = []
    idle.save()
    due()
    Endpoint.objects.filter(pk=off.pk).update(is_active=False)
    Endpoint.objects.filter(pk=paused.pk).update(paused_until=now + timedelta(minutes=1))
    Endpoint.objects.filter(pk=over.pk).update(paused_until=now - timedelta(minutes=1))

    found = Endpoint.objects.with_scheduled_deliveries(timezone.now())

    assert {one.pk for one in found} == {endpoint.pk, over.pk}


def test_what_is_given_back_is_due_at_once(endpoint: Endpoint) -> None:
    due()
    attempts = lease_due(endpoint, 9)

    end_leases(attempts)

    assert [attempt.number for attempt in lease_due(endpoint, 9)] == [2]


# -- Outcomes -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_delivered(endpoint: Endpoint, status: int) -> None:
    due()

    delivery = end(lease_due(endpoint, 9)[0], status, answer=b"thanks", duration_s=0.25)

    assert (delivery.state, delivery.next_attempt_at, delivery.failures) == ("delivered", None, 0)
    assert attempts_of(delivery) == [(1, status, "", "thanks")]
    assert Attempt.objects.get().duration_ms == 250


@pytest.mark.parametrize("status", [None, 100, 301, 302, 400, 401, 404, 500, 502])
def test_everything_else_is_tried_again_after_a_pause(endpoint: Endpoint, status: int | None) -> None:
    due()

    delivery = end(lease_due(endpoint, 9)[0], status, error="why")

    assert (delivery.state, delivery.failures) == ("pending", 1)
    assert 3 < seconds_from_now(delivery) <= 6
    endpoint.refresh_from_db()
    assert endpoint.failing_since == delivery.last_tried_at
    assert lease_due(endpoint, 9) == []


def test_pauses_grow_and_then_it_is_given_up(endpoint: Endpoint, settings: Any) -> None:
    due()
    pauses = []
    while (delivery := Delivery.objects.get()).state == "pending":
        skip_pause(delivery)
        delivery = end(lease_due(endpoint, 9)[0], 500)
        pauses.append(seconds_from_now(delivery) if delivery.next_attempt_at else None)

    expected = [5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400]
    assert expected == settings.WEBHOOK_PAUSES_S
    assert pauses[-1] is None
    for pause, wanted in zip(pauses[:-1], expected, strict=True):
        assert wanted - 2 < pause <= wanted * 1.2
    assert (delivery.state, delivery.attempts) == ("failed", 10)


def test_pauses_are_not_all_the_same() -> None:
    assert len({pause_after(3) for _ in range(20)}) > 10


@pytest.mark.parametrize("status", [429, 503])
def test_wish_for_a_pause_holds_for_the_whole_endpoint(endpoint: Endpoint, status: int) -> None:
    due(2)

    delivery = end(lease_due(endpoint, 1)[0], status, retry_after_s=600.0)

    assert 590 < seconds_from_now(delivery) <= 600
    endpoint.refresh_from_db()
    assert endpoint.paused_until is not None
    assert 590 < (endpoint.paused_until - timezone.now()).total_seconds() <= 600
    assert not Endpoint.objects.with_scheduled_deliveries(timezone.now()).exists()


@pytest.mark.parametrize(("status", "wish", "longest"), [(500, 600.0, 6), (429, 1.0, 6), (429, 10e9, 86_400)])
def test_wish_is_heard_within_bounds(endpoint: Endpoint, status: int, wish: float, longest: float) -> None:
    due()

    delivery = end(lease_due(endpoint, 9)[0], status, retry_after_s=wish)

    assert longest * 0.8 < seconds_from_now(delivery) + 1 <= longest + 1


def test_gone_switches_the_endpoint_off_and_keeps_what_waits(endpoint: Endpoint) -> None:
    due(2)

    delivery = end(lease_due(endpoint, 1)[0], 410)

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.off_reason) == (False, "The receiver answered 410 Gone.")
    assert delivery.state == "failed"
    assert Delivery.objects.filter(state="pending").count() == 1


def test_success_ends_the_time_of_failing(endpoint: Endpoint) -> None:
    due(2)
    one, other = lease_due(endpoint, 2)
    end(one, 500)

    end(other, 200)

    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


@pytest.mark.parametrize(("days", "is_active"), [(4.9, True), (5.1, False)])
def test_endpoint_that_fails_for_days_is_switched_off(endpoint: Endpoint, days: float, is_active: bool) -> None:
    due()
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=days))

    end(lease_due(endpoint, 9)[0], 500)

    endpoint.refresh_from_db()
    assert endpoint.is_active == is_active
    assert endpoint.off_reason == ("" if is_active else "No attempt has succeeded for 5 days.")


def test_any_bytes_of_an_answer_can_be_kept(endpoint: Endpoint) -> None:
    due()

    delivery = end(
        lease_due(endpoint, 9)[0], 500, answer=b"\x00\xff\xed\xa0\x80" + b"a" * 9_000, error="\x00\ud800" * 500
    )

    (_, _, error, answer) = attempts_of(delivery)[0]
    assert answer == ("\ufffd" * 5 + "a" * 9_000)[:500]
    assert error == ("\ufffd?" * 500)[:300]


def test_outcome_of_what_was_deleted_meanwhile_is_nothing(endpoint: Endpoint) -> None:
    due()
    (attempt,) = lease_due(endpoint, 9)
    Endpoint.objects.all().delete()

    with pytest.raises(Delivery.DoesNotExist):
        end(attempt)


# -- The end --------------------------------------------------------------------------------------------------------
def test_old_deliveries_are_deleted_but_those_still_to_come(endpoint: Endpoint) -> None:
    off = make_endpoint()
    due(3)
    done, failed, waiting = endpoint.deliveries.order_by("seq")
    end(lease_due(endpoint, 1)[0])
    Delivery.objects.filter(pk=failed.pk).update(state="failed")
    Endpoint.objects.filter(pk=off.pk).update(is_active=False)
    assert prune_deliveries(days=30) == 0

    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    make_product()
    plan_all()

    assert prune_deliveries(days=30) == 5
    assert waiting in Delivery.objects.all()
    assert Delivery.objects.count() == 2
    assert not Attempt.objects.filter(delivery=done).exists()
