"""Webhooks in the admin."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from core.admin.display import moment
from tests.support.factories import make_product, make_staff, make_user
from tests.support.pages import fields_of, messages_of
from tests.webhooks.hooks import end, make_endpoint, plan_all
from webhooks.admin import deliveries as delivery_admin
from webhooks.models import Attempt, Delivery, Endpoint, EventType
from webhooks.sending import lease_due

pytestmark = pytest.mark.django_db

ENDPOINTS, DELIVERIES = "/admin/webhooks/endpoint/", "/admin/webhooks/delivery/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
URL = "https://8.8.8.8/hook"
MAX_QUERIES = 14


@pytest.fixture
def staff(client: Client) -> User:
    """Staff without any of Django's model permissions, signed in."""
    user = make_staff()
    client.force_login(user)
    return user


def page_of(row: Endpoint | Delivery) -> str:
    return f"{ENDPOINTS if isinstance(row, Endpoint) else DELIVERIES}{row.pk}/change/"


def add(client: Client, **fields: Any) -> HttpResponse:
    form = fields_of(client.get(f"{ENDPOINTS}add/"), "endpoint_form")
    return client.post(f"{ENDPOINTS}add/", form | {"url": URL} | fields)


def delivered(status: int = 200, **fields: Any) -> Delivery:
    """Return a delivery that was tried once, of one product to one new endpoint."""
    endpoint = make_endpoint(URL)
    make_product()
    plan_all()
    Delivery.objects.filter(attempts=0).exclude(endpoint=endpoint).delete()
    return end(lease_due(endpoint, 1)[0], status, **fields)


def press(client: Client, endpoint: Endpoint, verb: str) -> HttpResponse:
    return client.post(f"{ENDPOINTS}{endpoint.pk}/do/", {"verb": verb})


# -- Endpoints ------------------------------------------------------------------------------------------------------
def test_secret_of_a_new_endpoint_is_shown_once(client: Client, staff: User) -> None:
    response = add(client, description="Stock")

    endpoint = Endpoint.objects.get()
    assert (response.status_code, response.url) == (302, page_of(endpoint))
    assert (endpoint.url, endpoint.description, endpoint.event_types) == (URL, "Stock", EventType.values)
    assert SECRET.findall(client.get(page_of(endpoint)).content.decode()) == [endpoint.secret]
    assert SECRET.findall(client.get(page_of(endpoint)).content.decode()) == []


def test_secret_waits_for_the_page_of_its_own_endpoint(client: Client, staff: User) -> None:
    other = make_endpoint()
    add(client)

    assert "whsec_" not in client.get(page_of(other)).content.decode()
    assert "whsec_" not in client.get(ENDPOINTS).content.decode()
    assert "whsec_" in client.get(page_of(Endpoint.objects.get(url=URL))).content.decode()


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://[::ffff:10.0.0.1]/"])
def test_private_address_is_an_error_at_the_field(client: Client, staff: User, url: str) -> None:
    response = add(client, url=url)

    assert response.status_code == 200
    (text,) = response.context_data["adminform"].form.errors["url"]
    assert text.endswith("which is not a public address.")
    assert not Endpoint.objects.exists()


def test_no_type_of_event_is_an_error_at_the_field(client: Client, staff: User) -> None:
    response = add(client, event_types=[])

    assert response.context_data["adminform"].form.errors == {"event_types": ["Choose at least one event type."]}


def test_saving_what_was_not_changed_looks_no_name_up_and_changes_nothing(client: Client, staff: User) -> None:
    endpoint = make_endpoint("https://not-there.invalid/hook")
    before = Endpoint.objects.values().get()

    response = client.post(page_of(endpoint), fields_of(client.get(page_of(endpoint)), "endpoint_form"))

    assert response.status_code == 302
    assert Endpoint.objects.values().get() == before


def test_endpoint_is_changed_and_switched_off(client: Client, staff: User) -> None:
    endpoint = make_endpoint(URL)
    form = fields_of(client.get(page_of(endpoint)), "endpoint_form")
    del form["is_active"]

    client.post(page_of(endpoint), form | {"event_types": ["order.placed", "order.moved"]})

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.event_types) == (False, ["order.placed", "order.moved"])


def test_new_secret_is_shown_once_too(client: Client, staff: User) -> None:
    endpoint = make_endpoint()
    old = endpoint.secret

    response = press(client, endpoint, "rotate")

    endpoint.refresh_from_db()
    assert messages_of(response) == ["The previous secret stays valid for 24 hours."]
    assert endpoint.previous_secret == old != endpoint.secret
    assert SECRET.findall(client.get(page_of(endpoint)).content.decode()) == [endpoint.secret]
    assert SECRET.findall(client.get(page_of(endpoint)).content.decode()) == []


def test_test_is_sent_by_a_button(client: Client, staff: User) -> None:
    endpoint = make_endpoint()

    response = press(client, endpoint, "test")

    delivery = Delivery.objects.get()
    assert (delivery.event_type, delivery.state) == ("webhook.test", "pending")
    assert page_of(delivery) in messages_of(response)[0]


@pytest.mark.parametrize("verb", ["", "delete", "__class__"])
def test_unknown_verb_is_a_message(client: Client, staff: User, verb: str) -> None:
    endpoint = make_endpoint()

    assert messages_of(press(client, endpoint, verb)) == ["Unknown action; nothing changed."]


def test_why_an_endpoint_is_off_is_on_its_page(client: Client, staff: User) -> None:
    endpoint = delivered(410).endpoint

    page = client.get(page_of(endpoint)).content.decode()

    assert "Switched off automatically: The receiver answered 410 Gone. No attempt has succeeded since" in page
    assert 'value="test"' not in page


def test_endpoint_is_deleted_with_a_count_of_what_goes_along(client: Client, staff: User) -> None:
    endpoint = delivered().endpoint

    asked = client.get(f"{ENDPOINTS}{endpoint.pk}/delete/").content.decode()
    client.post(f"{ENDPOINTS}{endpoint.pk}/delete/", {"post": "yes"})

    assert "1 deliveries, with all attempts" in asked
    assert not Endpoint.objects.exists()
    assert not Delivery.objects.exists()


def test_selected_endpoints_are_deleted_and_no_other(client: Client, staff: User) -> None:
    endpoints = [make_endpoint(f"https://{name}.example") for name in "abc"]
    chosen = {"action": "delete_selected", "_selected_action": [each.pk for each in endpoints[:2]], "post": "yes"}

    response = client.post(ENDPOINTS, chosen)

    assert response.status_code == 302
    assert list(Endpoint.objects.all()) == endpoints[2:]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "Active"),
        ({"is_active": False}, "Off"),
        ({"failing_since": timezone.now()}, "Failing"),
        ({"paused_until": timezone.now() + timedelta(days=1)}, "Paused"),
        ({"paused_until": timezone.now() - timedelta(days=1)}, "Active"),
    ],
)
def test_list_shows_the_state_of_an_endpoint(client: Client, staff: User, fields: dict[str, Any], state: str) -> None:
    make_endpoint(**fields)

    page = client.get(ENDPOINTS).content.decode()

    table = page[page.index("<tbody") :]
    assert [each for each in ("Active", "Off", "Failing", "Paused") if re.search(rf">\s*{each}\s*<", table)] == [state]


# -- Deliveries -----------------------------------------------------------------------------------------------------
def test_page_of_a_delivery_shows_every_try(client: Client, staff: User) -> None:
    delivery = delivered(500, answer=b"<script>alert(1)</script>", error="The receiver answered 500")

    page = client.get(page_of(delivery)).content.decode()

    assert "The receiver answered 500" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert "&quot;type&quot;: &quot;product.created&quot;" in page


def test_one_is_delivered_again_by_a_button(client: Client, staff: User) -> None:
    delivery = delivered()

    response = client.post(f"{DELIVERIES}{delivery.pk}/again/")

    assert (response.status_code, response.url) == (302, page_of(delivery))
    assert messages_of(response) == ["1 queued for retry."]
    assert Delivery.objects.get().state == "pending"


def test_deleted_delivery_is_not_reported_as_in_progress(client: Client, staff: User) -> None:
    response = client.post(f"{DELIVERIES}4711/again/")

    assert messages_of(response) == ["0 queued for retry; 1 skipped, because in progress or deleted."]


def test_many_are_delivered_again_and_those_of_an_endpoint_that_is_off_wait(client: Client, staff: User) -> None:
    ids = [delivered(410).pk, delivered(200).pk]

    response = client.post(DELIVERIES, {"action": "again", "_selected_action": ids})

    assert messages_of(response) == [
        "2 queued for retry.",
        "Some belong to an endpoint that is switched off. They wait until it is switched on.",
    ]
    assert Delivery.objects.filter(state="pending").count() == 2


def test_too_many_at_once_are_refused(client: Client, staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_admin, "MAX_AT_ONCE", 1)
    ids = [delivered().pk, delivered().pk]

    response = client.post(DELIVERIES, {"action": "again", "_selected_action": ids})

    assert messages_of(response) == ["At most 1 at once. Narrow the list with a search or a filter."]
    assert Delivery.objects.filter(state="pending").count() == 0


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("?progress=given_up", 1),
        ("?progress=delivered", 1),
        ("?progress=nonsense", 2),
        ("?event=product.created", 2),
        ("?event=order.placed", 0),
        ("?event=nonsense", 2),
        ("?endpoint__id__exact=0", 0),
        ("?q=4711", 0),
    ],
)
def test_list_is_narrowed(client: Client, staff: User, query: str, count: int) -> None:
    delivered(200)
    delivered(410)

    assert len(client.get(f"{DELIVERIES}{query}").context_data["cl"].result_list) == count


@pytest.mark.long
def test_list_tells_the_states_apart_and_says_why_and_when(client: Client, staff: User) -> None:
    def shown(delivery: Delivery) -> tuple[str, ...]:
        row = client.get(DELIVERIES).context_data["cl"].result_list.get(pk=delivery.pk)
        [found] = [name for name in delivery_admin.PROGRESS if delivery in listed(name)]
        return row.progress, row.error, found

    def listed(progress: str) -> list[Delivery]:
        return list(client.get(f"{DELIVERIES}?progress={progress}").context_data["cl"].result_list)

    failing = delivered(500, error="The receiver answered 500")
    given_up = delivered(410, error="The receiver answered 410 Gone")
    good = delivered(200)
    Delivery.objects.filter(pk=(untouched := delivered(200)).pk).update(state="pending", last_tried_at=None, attempts=0)

    assert shown(untouched) == ("Not sent yet", None, "untouched")
    assert shown(failing) == ("Retrying", "The receiver answered 500", "failing")
    assert shown(given_up) == ("Failed", "The receiver answered 410 Gone", "given_up")
    assert shown(good) == ("Delivered", None, "delivered")
    client.post(f"{DELIVERIES}{given_up.pk}/again/")
    assert shown(given_up) == ("Queued again", "The receiver answered 410 Gone", "again")
    page = client.get(DELIVERIES).content.decode()
    failing.refresh_from_db()
    assert moment(failing.next_attempt_at, seconds=True) in page


def test_delivery_is_found_by_its_id_and_by_its_objects(client: Client, staff: User) -> None:
    delivered()
    wanted = delivered()

    for text in (wanted.message_id, str(wanted.object_id)):
        assert list(client.get(f"{DELIVERIES}?q={text}").context_data["cl"].result_list) == [wanted]


def test_list_shows_the_id_of_an_object_as_the_search_takes_it(client: Client, staff: User) -> None:
    wanted = delivered()
    Delivery.objects.filter(pk=wanted.pk).update(object_id=1_234_567)

    page = client.get(f"{DELIVERIES}?q=1234567").content.decode()

    assert ">1234567<" in page
    assert "1,234,567" not in page


# -- Who, and what it costs -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_customer", [True, False])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_no_staff_is_sent_to_the_sign_in(client: Client, method: str, is_customer: bool) -> None:
    delivery = delivered()
    endpoint = delivery.endpoint
    if is_customer:
        client.force_login(make_user())
    before = list(Endpoint.objects.values()), list(Delivery.objects.values())

    for path in (
        *(ENDPOINTS, DELIVERIES, f"{ENDPOINTS}add/", page_of(endpoint), page_of(delivery)),
        *(f"{ENDPOINTS}{endpoint.pk}/do/", f"{ENDPOINTS}{endpoint.pk}/delete/", f"{DELIVERIES}{delivery.pk}/again/"),
    ):
        response = getattr(client, method)(path)
        assert (response.status_code, response.url) == (302, f"/admin/login/?next={path}")

    assert (list(Endpoint.objects.values()), list(Delivery.objects.values())) == before


def test_nothing_changes_by_get_or_without_the_token_against_forgery(staff: User) -> None:
    delivery = delivered()
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)

    for path in (f"{ENDPOINTS}{delivery.endpoint_id}/do/", f"{DELIVERIES}{delivery.pk}/again/"):
        assert client.get(path).status_code == 405
        assert client.post(path, {"verb": "rotate"}).status_code == 403

    assert Delivery.objects.get().state == "delivered"
    assert Endpoint.objects.get().previous_secret == ""


@pytest.mark.long
@pytest.mark.parametrize("path", [ENDPOINTS, DELIVERIES])
def test_list_costs_the_same_few_queries_however_many_rows(client: Client, staff: User, path: str) -> None:
    delivered()
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    for _ in range(10):
        delivered(500)
    with CaptureQueriesContext(connection) as many:
        client.get(path)

    assert len(many) == len(few) <= MAX_QUERIES


def test_page_of_a_delivery_costs_the_same_few_queries_however_many_tries(client: Client, staff: User) -> None:
    delivery = delivered()
    client.get(page_of(delivery))  # the first one of a process also asks for the content type
    with CaptureQueriesContext(connection) as few:
        client.get(page_of(delivery))
    Attempt.objects.bulk_create(Attempt(delivery=delivery, number=number) for number in range(2, 30))
    with CaptureQueriesContext(connection) as many:
        client.get(page_of(delivery))

    assert len(many) == len(few) <= MAX_QUERIES
