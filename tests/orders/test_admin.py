"""Orders in the admin: to read, and to move by the transition table's verbs."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from catalog.models import Product
from orders.actions import move_order
from orders.models import Order, OrderEvent
from orders.transitions import VERBS, verbs_from
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import messages_of

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/order/"


@pytest.fixture
def staff(client: Client) -> User:
    """Staff without any of Django's model permissions, signed in."""
    user = make_staff(username="mia")
    client.force_login(user)
    return user


def page_of(order: Order) -> str:
    return f"{LIST}{order.pk}/change/"


def press(client: Client, order: Order, verb: str) -> HttpResponse:
    return client.post(f"{LIST}{order.pk}/move/", {"verb": verb})


def buttons_of(response: HttpResponse) -> list[str]:
    return re.findall(r'name="verb" value="(\w+)"', response.content.decode())


def order_in(status: str) -> Order:
    order = make_order()
    Order.objects.filter(pk=order.pk).update(status=status)
    return order


@pytest.mark.parametrize("status", Order.Status.values)
def test_page_offers_exactly_the_verbs_of_the_table(client: Client, staff: User, status: str) -> None:
    assert buttons_of(client.get(page_of(order_in(status)))) == verbs_from(status)


@pytest.mark.parametrize("verb", list(VERBS))
def test_button_moves_the_order_and_records_who_did_it(client: Client, staff: User, verb: str) -> None:
    order = order_in(min(VERBS[verb].sources))

    response = press(client, order, verb)

    order.refresh_from_db()
    assert (response.status_code, response.url) == (302, page_of(order))
    assert order.status == VERBS[verb].target
    assert messages_of(response) == [f"Order {order.number} is {VERBS[verb].target} now."]
    event = order.events.last()
    assert (event.actor, event.status) == (staff, VERBS[verb].target)


@pytest.mark.parametrize(("status", "verb"), [("pending", "ship"), ("delivered", "cancel"), ("cancelled", "pay")])
def test_illegal_move_is_a_message_and_changes_nothing(client: Client, staff: User, status: str, verb: str) -> None:
    product = make_product(stock=10)
    order = make_order(lines={product: 4})
    Order.objects.filter(pk=order.pk).update(status=status)

    response = press(client, order, verb)

    assert (response.status_code, response.url) == (302, page_of(order))
    assert messages_of(response) == [f"Order {order.number} is {status}: it can't be {VERBS[verb].target}"]
    assert Order.objects.get().status == status
    assert OrderEvent.objects.count() == 1
    assert Product.objects.get().stock == 6


def test_cancelling_by_button_gives_the_stock_back(client: Client, staff: User) -> None:
    product = make_product(stock=10)
    order = make_order(lines={product: 4})

    press(client, order, "cancel")

    assert Product.objects.get().stock == 10


@pytest.mark.parametrize("verb", ["", "delete", "__class__"])
def test_unknown_verb_is_a_message(client: Client, staff: User, verb: str) -> None:
    order = make_order()

    response = press(client, order, verb)

    assert messages_of(response) == ["Unknown step; the order was not changed."]
    assert Order.objects.get().status == "pending"


@pytest.mark.parametrize("order_id", [0, 4711, 2**31, 10**30])
def test_move_of_an_order_that_is_not_there_is_a_message(client: Client, staff: User, order_id: int) -> None:
    response = client.post(f"{LIST}{order_id}/move/", {"verb": "pay"})

    assert (response.status_code, response.url) == (302, LIST)
    assert messages_of(response) == [f"Order {order_id} not found"]


def test_nothing_moves_by_get(client: Client, staff: User) -> None:
    order = make_order()

    response = client.get(f"{LIST}{order.pk}/move/", {"verb": "pay"})

    assert response.status_code == 405
    assert Order.objects.get().status == "pending"


def test_nothing_moves_without_the_token_against_forgery(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    order = make_order()

    assert press(client, order, "pay").status_code == 403
    assert Order.objects.get().status == "pending"


@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_who_is_no_staff_is_sent_to_the_sign_in(client: Client, who: str) -> None:
    owner = make_user()
    order = make_order(owner)
    if who == "owner":
        client.force_login(owner)

    for response in (press(client, order, "cancel"), client.get(page_of(order)), client.get(LIST)):
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")
    assert Order.objects.get().status == "pending"


@pytest.mark.parametrize("path", ["add/", "{pk}/delete/"])
def test_orders_are_neither_added_nor_deleted(client: Client, staff: User, path: str) -> None:
    order = make_order()

    assert client.get(LIST + path.format(pk=order.pk)).status_code == 403
    assert client.post(LIST + path.format(pk=order.pk), {"post": "yes"}).status_code == 403
    assert Order.objects.count() == 1


def test_no_field_of_an_order_can_be_posted(client: Client) -> None:
    client.force_login(make_staff(is_superuser=True))
    order = make_order()

    response = client.post(page_of(order), {"status": "delivered", "total": "1.00", "items-0-quantity": "9"})

    assert response.status_code == 403
    assert Order.objects.get().status == "pending"


def test_page_shows_the_lines_as_ordered_and_who_did_what_when(client: Client, staff: User, settings: Any) -> None:
    settings.STORE_CURRENCY = "EUR"
    product = make_product(name="Mug", price="1234.50", sku="M-1", stock=9)
    order = make_order(make_user(username="joe"), lines={product: 2})
    product.delete()
    move_order(actor=staff, order_id=order.pk, verb="pay")

    page = re.sub(r"\s+", " ", client.get(page_of(order)).content.decode())

    for text in ("Mug (no longer sold)", "M-1", "1,234.50 EUR", "2,469.00 EUR"):
        assert text in page
    steps = re.findall(r'important">(\w+)</div> <div>\d+ \w+ \d{4}, \d\d:\d\d, <a[^>]*>(\w+)</a>', page)
    assert steps == [("Pending", "joe"), ("Paid", "mia")]


def test_guest_order_is_shown(client: Client, staff: User) -> None:
    order = make_order()
    Order.objects.update(user=None)
    OrderEvent.objects.update(actor=None)

    assert "Guest" in client.get(LIST).content.decode()
    assert ", no user" in client.get(page_of(order)).content.decode()


@pytest.mark.parametrize("words", ["AB12", "ab1", "#AB12", "joe #ab1", "joe", "JOE@EXAMPLE", "joe@example.com"])
def test_list_is_searched_by_number_and_user(client: Client, staff: User, words: str) -> None:
    make_order()
    wanted = make_order(make_user(username="joe", email="joe@example.com"))
    Order.objects.filter(pk=wanted.pk).update(number="AB12")

    assert list(client.get(LIST, {"q": words}).context_data["cl"].result_list) == [wanted]


def test_email_of_nobody_finds_no_order(client: Client, staff: User) -> None:
    make_order(make_user(username="joe", email="joe@example.com"))

    assert list(client.get(LIST, {"q": "jim@elsewhere.example"}).context_data["cl"].result_list) == []


def test_list_is_narrowed_by_status_and_day_the_last_day_whole(client: Client, staff: User) -> None:
    early, late, paid = make_order(), make_order(), make_order()
    Order.objects.filter(pk=early.pk).update(created_at="2025-03-01T00:00:00Z")
    Order.objects.filter(pk=late.pk).update(created_at="2025-03-02T23:59:59.9Z")
    Order.objects.filter(pk=paid.pk).update(created_at="2025-03-03T00:00:00Z", status="paid")

    def found(**params: str) -> list[Order]:
        return list(client.get(LIST, params).context_data["cl"].result_list)

    assert found(created_at_from="2025-03-01", created_at_to="2025-03-02") == [late, early]
    assert found(created_at_from="2025-03-02") == [paid, late]
    assert found(status__exact="paid") == [paid]
