"""What staff do with endpoints and deliveries."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import User
from core.errors import Forbidden, InvalidInput, Unauthenticated
from tests.support.factories import make_product, make_staff, make_user
from tests.webhooks.hooks import attempts_of, end, make_endpoint, plan_all, told
from webhooks.actions import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    deliver_again,
    rotate_secret,
    send_test,
)
from webhooks.errors import EndpointNotFound, RefusedUrl
from webhooks.models import Attempt, Delivery, Endpoint, EventType
from webhooks.sending import lease_due

pytestmark = pytest.mark.django_db

URL = "https://8.8.8.8/hook"


@pytest.fixture
def staff() -> User:
    return make_staff()


def test_new_endpoint_has_a_secret_and_is_told_of_everything_from_now_on(staff: User) -> None:
    make_product()

    endpoint = create_endpoint(actor=staff, values={"url": URL, "description": "Stock"})
    make_product()
    plan_all()

    assert endpoint.secret.startswith("whsec_")
    assert (endpoint.event_types, endpoint.is_active) == (EventType.values, True)
    assert told(endpoint) == ["product.created"]


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://127.0.0.1/", "https://localhost/", "nonsense"])
def test_address_that_is_not_sent_to_is_refused_at_saving(staff: User, url: str) -> None:
    endpoint = create_endpoint(actor=staff, values={"url": URL})

    with pytest.raises(RefusedUrl) as refused:
        create_endpoint(actor=staff, values={"url": url})
    with pytest.raises(RefusedUrl):
        change_endpoint(actor=staff, endpoint_id=endpoint.pk, changes={"url": url, "description": "new"})

    assert list(refused.value.fields) == ["url"]
    assert list(Endpoint.objects.values_list("url", "description")) == [(URL, "")]


@pytest.mark.parametrize("types", [[], ["product.sold"], ["order.placed", "webhook.test"]])
def test_types_of_event_are_known_ones(staff: User, types: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_endpoint(actor=staff, values={"url": URL, "event_types": types})

    assert refused.value.fields == {"event_types": "Choose at least one event type."}
    assert not Endpoint.objects.exists()


def test_endpoint_that_is_switched_on_again_begins_anew_with_what_was_left_over(staff: User) -> None:
    endpoint = make_endpoint(URL)
    make_product()
    plan_all()
    end(lease_due(endpoint, 1)[0], 410)
    make_product()
    plan_all()

    endpoint = change_endpoint(actor=staff, endpoint_id=endpoint.pk, changes={"is_active": True})
    make_product()
    plan_all()

    assert (endpoint.is_active, endpoint.off_reason, endpoint.failing_since) == (True, "", None)
    assert len(told(endpoint)) == 2  # not what happened while it was off


def test_change_leaves_the_rest_as_it_is(staff: User) -> None:
    endpoint = make_endpoint(URL, description="Stock")
    secret, place = endpoint.secret, endpoint.starts_after
    make_product()

    change_endpoint(actor=staff, endpoint_id=endpoint.pk, changes={"event_types": ["order.placed"]})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description, endpoint.secret, endpoint.starts_after) == (URL, "Stock", secret, place)
    assert endpoint.event_types == ["order.placed"]


def test_after_a_rotation_both_secrets_sign_for_a_day(staff: User) -> None:
    endpoint = make_endpoint()
    old = endpoint.secret
    make_product()
    make_product()
    plan_all()

    new = rotate_secret(actor=staff, endpoint_id=endpoint.pk).secret
    endpoint.refresh_from_db()
    assert lease_due(endpoint, 1)[0].secrets == (new, old)

    Endpoint.objects.update(previous_secret_until=timezone.now() - timedelta(seconds=1))
    endpoint.refresh_from_db()
    assert lease_due(endpoint, 1)[0].secrets == (new,)
    assert new != old


def test_test_is_sent_though_nothing_of_the_kind_is_wanted(staff: User) -> None:
    endpoint = make_endpoint(event_types=["order.placed"])

    delivery = send_test(actor=staff, endpoint_id=endpoint.pk)
    send_test(actor=staff, endpoint_id=endpoint.pk)

    assert delivery.payload.startswith('{"type":"webhook.test","timestamp":"')
    assert len(lease_due(endpoint, 9)) == 2


def test_test_of_an_endpoint_that_is_off_is_refused(staff: User) -> None:
    endpoint = make_endpoint(is_active=False)

    with pytest.raises(InvalidInput, match="switched off"):
        send_test(actor=staff, endpoint_id=endpoint.pk)

    assert not Delivery.objects.exists()


@pytest.mark.parametrize("status", [200, 410])
def test_delivery_that_is_over_is_delivered_again_under_its_own_id(staff: User, status: int) -> None:
    endpoint = make_endpoint(URL)
    make_product()
    plan_all()
    first = end(lease_due(endpoint, 1)[0], status)
    assert first.state in ("delivered", "failed")

    assert deliver_again(actor=staff, delivery_ids=[first.pk]) == 1

    (again,) = lease_due(endpoint, 9)
    delivery = end(again)
    assert (delivery.state, delivery.message_id, delivery.failures) == ("delivered", first.message_id, 0)
    assert [(number, status) for number, status, _, _ in attempts_of(delivery)] == [(1, status), (2, 200)]


def test_delivery_that_waits_is_tried_at_once_and_one_under_way_is_left_alone(staff: User) -> None:
    endpoint = make_endpoint()
    make_product()
    make_product()
    plan_all()
    waiting = end(lease_due(endpoint, 1)[0], 500)
    (running,) = lease_due(endpoint, 1)

    assert deliver_again(actor=staff, delivery_ids=[waiting.pk, running.delivery_id, 4711]) == 1

    assert [tried.delivery_id for tried in lease_due(endpoint, 9)] == [waiting.pk]
    assert Delivery.objects.get(pk=running.delivery_id).failures == 0


def test_deleted_endpoint_takes_all_its_deliveries_along_and_no_others(staff: User) -> None:
    endpoint, other = make_endpoint(), make_endpoint()
    make_product()
    plan_all()
    lease_due(endpoint, 1)

    delete_endpoint(actor=staff, endpoint_id=endpoint.pk)

    assert list(Delivery.objects.values_list("endpoint", flat=True)) == [other.pk]
    assert not Attempt.objects.exists()


CALLS: dict[str, Any] = {
    "create": lambda actor, pk: create_endpoint(actor=actor, values={"url": URL}),
    "change": lambda actor, pk: change_endpoint(actor=actor, endpoint_id=pk, changes={"is_active": False}),
    "delete": lambda actor, pk: delete_endpoint(actor=actor, endpoint_id=pk),
    "rotate": lambda actor, pk: rotate_secret(actor=actor, endpoint_id=pk),
    "test": lambda actor, pk: send_test(actor=actor, endpoint_id=pk),
    "again": lambda actor, pk: deliver_again(actor=actor, delivery_ids=[pk]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_only_staff_may(call: Any) -> None:
    endpoint = make_endpoint()
    before = list(Endpoint.objects.values())

    with pytest.raises(Unauthenticated):
        call(AnonymousUser(), endpoint.pk)
    with pytest.raises(Forbidden):
        call(make_user(), endpoint.pk)

    assert list(Endpoint.objects.values()) == before
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("name", ["change", "delete", "rotate", "test"])
def test_endpoint_that_is_not_there_is_not_found(staff: User, name: str) -> None:
    with pytest.raises(EndpointNotFound, match="Endpoint 4711 not found"):
        CALLS[name](staff, 4711)


def test_rows_are_visible_to_staff_alone(staff: User) -> None:
    endpoint = make_endpoint()
    make_product()
    plan_all()
    lease_due(endpoint, 1)

    for rows in (Endpoint.objects, Delivery.objects, Attempt.objects):
        assert rows.all().visible_to(staff).count() == 1
        for other in (make_user(), AnonymousUser()):
            assert rows.all().visible_to(other).count() == 0
