"""Many orders moved at once in the admin, one after the other, and the search for orders from every page."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from orders.bulk import MAX_MOVES
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import fields_of, messages_of

pytestmark = pytest.mark.django_db
LIST = "/admin/orders/order/"


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff()
    client.force_login(user)
    return user


def order_in(status: str) -> Order:
    order = make_order()
    Order.objects.filter(pk=order.pk).update(status=status)
    return order


def choose(client: Client, action: str, orders: list[Order]) -> HttpResponse:
    return client.post(LIST, {"action": action, "_selected_action": [order.pk for order in orders], "index": 0})


def results_of(response: HttpResponse) -> list[tuple[int, bool, str]]:
    return [(row.order.pk, row.is_moved, row.result) for row in response.context_data["rows"]]


def test_each_order_is_moved_or_refused_with_a_line_of_its_own(client: Client, staff: User) -> None:
    pending, delivered, another = order_in("pending"), order_in("delivered"), order_in("pending")

    response = choose(client, "pay_orders", [another, delivered, pending])

    refusal = f"Order {delivered.number} is delivered: it can't be paid"
    assert results_of(response) == [
        (pending.pk, True, "Paid"),
        (delivered.pk, False, refusal),
        (another.pk, True, "Paid"),
    ]
    assert refusal.replace("'", "&#x27;") in response.content.decode()
    assert list(Order.objects.order_by("pk").values_list("status", flat=True)) == ["paid", "delivered", "paid"]


def test_five_paid_orders_are_shipped_each_with_its_number_and_one_carrier(client: Client, staff: User) -> None:
    orders = [order_in("paid") for _ in range(5)]

    asked = choose(client, "ship_orders", orders)
    fields = fields_of(asked, "move-form") | {"carrier": "DHL", f"tracking_number-{orders[0].pk}": " 42 "}
    response = client.post(f"{LIST}move-many/", fields)

    assert [row[1] for row in results_of(response)] == [True] * 5
    shipped = list(Order.objects.order_by("pk").values_list("status", "carrier", "tracking_number"))
    assert shipped == [("shipped", "DHL", "42"), *[("shipped", "DHL", None)] * 4]
    assert orders[0].events.last().note == "DHL, 42"


def test_page_of_moves_says_which_status_it_shows(client: Client, staff: User) -> None:
    order = order_in("paid")
    asked = choose(client, "ship_orders", [order]).content.decode()
    moved = client.post(f"{LIST}move-many/", {"verb": "ship", "order": [order.pk]}).content.decode()

    assert ("Status before" in asked, "Status before" in moved) == (False, True)


def test_refused_detail_is_named(client: Client, staff: User) -> None:
    order = order_in("paid")

    response = client.post(
        f"{LIST}move-many/", {"verb": "ship", "order": order.pk, f"tracking_number-{order.pk}": "x" * 101}
    )

    text = "Tracking number: Ensure this value has at most 100 characters (it has 101)."
    assert results_of(response) == [(order.pk, False, text)]
    assert Order.objects.get().status == "paid"


def test_orders_are_cancelled_only_after_the_question(client: Client, staff: User) -> None:
    product = make_product(stock=10)
    order = make_order(lines={product: 4})

    asked = choose(client, "cancel_orders", [order])
    product.refresh_from_db()
    assert product.stock == 6
    client.post(f"{LIST}move-many/", fields_of(asked, "move-form"))

    product.refresh_from_db()
    assert (product.stock, Order.objects.get().status) == (10, "cancelled")


def test_too_many_orders_at_once_are_refused(client: Client, staff: User) -> None:
    Order.objects.bulk_create([Order(number=f"N{n}", total=1) for n in range(MAX_MOVES + 1)])

    response = choose(client, "pay_orders", list(Order.objects.all()))

    assert messages_of(response) == [f"At most {MAX_MOVES} orders at once: narrow the list by a search or a filter."]
    assert not Order.objects.exclude(status="pending").exists()


@pytest.mark.parametrize("fields", [{}, {"verb": "pay"}, {"verb": "pay", "order": "x"}, {"verb": "x", "order": "1"}])
def test_unreadable_list_of_orders_is_refused(client: Client, staff: User, fields: dict[str, str]) -> None:
    assert client.post(f"{LIST}move-many/", fields).status_code == 400


def test_customer_moves_no_orders(client: Client) -> None:
    order = make_order()
    client.force_login(order.user)

    response = client.post(f"{LIST}move-many/", {"verb": "pay", "order": order.pk})

    assert response.status_code == 302
    assert Order.objects.get().status == "pending"


def test_ship_and_next_leads_to_the_oldest_paid_order_after_this_one(client: Client, staff: User) -> None:
    first, second, third = (order_in("paid") for _ in range(3))

    def ship(order: Order) -> HttpResponse:
        return client.post(f"{LIST}{order.pk}/move/", {"verb_and_next": "ship", "carrier": "UPS"})

    assert ship(second).url == f"{LIST}{third.pk}/change/"
    assert ship(third).url == f"{LIST}{first.pk}/change/"
    assert 'value="UPS"' in client.get(f"{LIST}{first.pk}/change/").content.decode()
    last = ship(first)
    assert last.url == LIST
    assert messages_of(last)[-1] == "No order is paid now."


def found_by(client: Client, text: str) -> list[str]:
    return [result.title for result in client.get("/admin/search/", {"s": text, "extended": 1}).context_data["results"]]


def test_command_search_finds_orders_products_and_customers(client: Client, staff: User) -> None:
    zoe = make_user(username="zoe", email="zoe@shop.example")
    order = make_order(zoe, {make_product(name="Zoetrope", sku="ZT-1"): 1})
    Order.objects.filter(pk=order.pk).update(number="ZOO42")

    assert found_by(client, "zoo4") == found_by(client, "#ZOO42") == ["#ZOO42"]
    assert found_by(client, "zoe@shop") == ["#ZOO42", "zoe"]
    assert found_by(client, "zt-1") == ["Zoetrope"]
    assert found_by(client, "zoe") == ["#ZOO42", "Zoetrope", "zoe"]
    assert found_by(client, "zo") == []
    assert found_by(client, "zoe " * 11 + "x y z a b c d e f g h") == []


def test_command_search_shows_the_state_of_now(client: Client, staff: User) -> None:
    order = make_order(make_user(username="zoe"))
    url = {"s": "zoe", "extended": 1}
    client.get("/admin/search/", url)
    Order.objects.filter(pk=order.pk).update(status="paid")

    assert "Order, paid" in client.get("/admin/search/", url).context_data["results"][0].description


def test_command_search_has_a_constant_number_of_statements(client: Client, staff: User) -> None:
    counts = []
    for number in range(3):
        make_order(make_user(username=f"zoe{number}"))
        with CaptureQueriesContext(connection) as captured:
            assert len(found_by(client, "zoe")) == 2 * (number + 1)
        counts.append(len(captured))

    assert counts[1] == counts[2] <= counts[0]
    assert sum("orders_order" in query["sql"] for query in captured.captured_queries) == 2
