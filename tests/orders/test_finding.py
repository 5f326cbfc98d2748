"""Orders are found by number and e-mail, over REST, GraphQL and gRPC."""

from typing import Any

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
