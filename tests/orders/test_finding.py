"""Orders are found by number and e-mail, over REST, GraphQL and gRPC."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from accounts.models import User
from orders.models import Order
from tests.support.api import Api, errors_of
from tests.support.factories import make_order, make_staff, make_user
from tests.support.graph import Graph, nodes

pytestmark = pytest.mark.django_db

ALL = """query($status: String, $number: String, $email: String, $first: Int, $after: String) {
  allOrders(status: $status, number: $number, email: $email, first: $first, after: $after) {
    totalCount edges { node { number } } pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.fixture
def ada() -> User:
    return make_user(email="Ada@example.com")


@pytest.fixture
def orders(ada: User) -> list[Order]:
    """Three orders of Ada, the second one paid, and one order of another user."""
    placed = [make_order(ada), make_order(ada), make_order(ada), make_order()]
    Order.objects.filter(pk=placed[1].pk).update(status="paid")
    for order, number in zip(placed, ("AB12", "AB13", "C9", "Q77"), strict=True):
        Order.objects.filter(pk=order.pk).update(number=number)
    return placed


def found(user: User, query: str) -> list[str]:
    body = Api(user).get(f"/orders?{query}").json()
    numbers = [row["number"] for row in body["orders"]]
    assert body["pagination"]["total"] == len(numbers)
    return numbers


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("number=AB12", ["AB12"]),
        ("number=ab12", ["AB12"]),
        ("number=%23ab12", ["AB12"]),
        ("number=%20AB12%20", ["AB12"]),
        ("number=AB1", []),
        ("number=%23", []),
        ("number=", ["Q77", "C9", "AB13", "AB12"]),
        ("email=ada@EXAMPLE.com", ["C9", "AB13", "AB12"]),
        ("email=ada@example.com&status=paid", ["AB13"]),
        ("email=ada@example.com&number=Q77", []),
        ("email=ada", []),
        ("email=nobody@example.com", []),
    ],
)
def test_staff_finds_orders(orders: list[Order], query: str, numbers: list[str]) -> None:
    assert found(make_staff(), query) == numbers


def test_number_in_small_letters_is_found_by_capitals(orders: list[Order]) -> None:
    Order.objects.filter(pk=orders[0].pk).update(number="ab12")

    assert found(make_staff(), "number=AB12") == ["ab12"]


def test_customers_find_only_their_own_orders(ada: User, orders: list[Order]) -> None:
    assert found(ada, "number=q77") == []
    assert found(ada, "number=c9") == ["C9"]
    assert found(make_user(), "email=ada@example.com") == []


def test_all_bad_values_are_named(orders: list[Order]) -> None:
    response = Api(make_staff()).get(f"/orders?number={'9' * 34}&email=%00&status=lost")

    assert response.status_code == 400
    assert set(errors_of(response)["errors"]) == {"number", "email", "status"}


@pytest.fixture
def days(settings: Any) -> User:
    """Four orders around the first of March in Paris, where the clock is one hour before UTC."""
    settings.STORE_TIME_ZONE = "Europe/Paris"
    moments = {"a": (2, 28, 22, 59, 59), "b": (2, 28, 23, 0, 0), "c": (3, 1, 22, 59, 59), "d": (3, 1, 23, 0, 0)}
    for number, moment in moments.items():
        created_at = datetime(2026, *moment, tzinfo=UTC)
        Order.objects.filter(pk=make_order().pk).update(number=number, created_at=created_at)
    return make_staff()


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("created_from=2026-03-01&created_to=2026-03-01", "cb"),
        ("created_from=2026-03-01", "dcb"),
        ("created_to=2026-03-01", "cba"),
        ("created_from=2026-03-02&created_to=2026-03-01", ""),
        ("created_from=&created_to=", "dcba"),
        ("created_from=0001-01-01&created_to=9999-12-31", "dcba"),
        ("created_to=0001-01-01", ""),
        ("created_from=9999-12-31", ""),
        ("created_from=2026-03-02&number=D", "d"),
    ],
)
def test_days_are_those_of_the_shop_and_both_are_included(days: User, query: str, numbers: str) -> None:
    assert "".join(found(days, query)) == numbers


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_first_and_the_last_day_are_no_error_in_any_zone(days: User, settings: Any, zone: str) -> None:
    settings.STORE_TIME_ZONE = zone

    assert "".join(found(days, "created_from=0001-01-01&created_to=9999-12-31")) == "dcba"
    assert "".join(found(days, "created_from=9999-12-31")) == "".join(found(days, "created_to=0001-01-01")) == ""


def test_a_day_of_the_change_to_summer_time_has_23_hours(days: User) -> None:
    order = Order.objects.get(number="a")
    seen = []
    for moment in ("2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"):
        Order.objects.filter(pk=order.pk).update(created_at=moment)
        seen.append(found(days, "created_from=2026-03-29&created_to=2026-03-29"))

    assert seen == [[], ["a"], ["a"], []]


BAD_DAYS = [
    *("2026-02-30", "2026-3-1", "01.03.2026", "20260301", "2026-03-01T00:00:00Z", " 2026-03-01", "today"),
    "\u0662\u0660\u0662\u0666-03-01",
]


@pytest.mark.parametrize("day", BAD_DAYS)
def test_other_forms_of_a_day_are_refused(days: User, day: str) -> None:
    response = Api(days).get(f"/orders?{urlencode({'created_from': day, 'created_to': day})}")

    text = "must be a date such as 2026-11-22"
    fields = {"created_from": f"created_from {text}", "created_to": f"created_to {text}"}
    assert (response.status_code, errors_of(response)["errors"]) == (400, fields)


def test_graphql_pages_and_counts_the_orders_of_each_user_by_day_and_status(ada: User, orders: list[Order]) -> None:
    Order.objects.filter(number="AB12").update(created_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    fields = "totalCount edges { node { number } }"
    document = f"""{{ allUsers(email: "ada@example.com") {{ edges {{ node {{
      day: ordersConnection(createdFrom: "2026-03-01", createdTo: "2026-03-01") {{ {fields} }}
      paid: ordersConnection(status: "paid") {{ {fields} }}
      all: ordersConnection {{ {fields} }}
    }} }} }} }}"""

    [edge] = Graph(make_staff()).data(document)["allUsers"]["edges"]

    shown = {name: (each["totalCount"], nodes(each, "number")) for name, each in edge["node"].items()}
    assert shown == {"day": (1, ["AB12"]), "paid": (1, ["AB13"]), "all": (3, ["C9", "AB13", "AB12"])}


def test_graphql_names_bad_filters_and_pages_of_a_users_orders_together(ada: User) -> None:
    document = '{ me { ordersConnection(createdFrom: "1.3.2026", status: "lost", first: 101) { totalCount } } }'

    assert set(Graph(ada).error(document)["fields"]) == {"createdFrom", "status", "first"}


def test_pages_of_a_filter_follow_each_other(orders: list[Order]) -> None:
    staff = Api(make_staff())
    first = staff.get("/orders?email=ada@example.com&per_page=2").json()
    second = staff.get(first["pagination"]["next"].removeprefix("http://testserver/api/v1")).json()

    assert [row["number"] for row in first["orders"] + second["orders"]] == ["C9", "AB13", "AB12"]
    assert (first["pagination"]["total"], second["pagination"]["next"]) == (3, None)


def test_graphql_pages_by_cursor_with_a_filter(orders: list[Order]) -> None:
    staff, numbers, after = Graph(make_staff()), [], None
    for _ in range(2):
        page = staff.data(ALL, email="ADA@example.com", first=2, after=after)["allOrders"]
        numbers += nodes(page, "number")
        after = page["pageInfo"]["endCursor"]

        assert page["totalCount"] == 3

    assert numbers == ["C9", "AB13", "AB12"]
    assert page["pageInfo"]["hasNextPage"] is False


def test_graphql_lists_the_orders_that_the_caller_may_see(ada: User, orders: list[Order]) -> None:
    own = nodes(Graph(ada).data(ALL)["allOrders"], "number")
    paid = nodes(Graph(make_staff()).data(ALL, status="paid")["allOrders"], "number")

    assert own == ["C9", "AB13", "AB12"]
    assert paid == ["AB13"]
    assert Graph().code(ALL) == "UNAUTHENTICATED"


def test_grpc_pages_by_cursor_with_a_filter(orders: list[Order], rpc: Any) -> None:
    staff = rpc(make_staff())
    first = staff.call("ListOrders", email="ADA@example.com", page_size=2, cursor="")
    second = staff.call("ListOrders", email="ADA@example.com", page_size=2, cursor=first.next_cursor)

    assert [order.number for order in (*first.orders, *second.orders)] == ["C9", "AB13", "AB12"]
    assert (first.total, second.total, second.next_cursor) == (3, 3, "")
    other = {"email": "bob@example.com", "page_size": 2, "cursor": first.next_cursor}
    assert staff.refusal("ListOrders", **other).code == "INVALID_ARGUMENT"
