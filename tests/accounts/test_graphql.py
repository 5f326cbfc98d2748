"""Users and tokens over GraphQL."""

import pytest

from accounts.models import User
from tests.support.api import Api
from tests.support.factories import make_order, make_staff, make_user
from tests.support.graph import Graph, global_id, nodes, statements

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"

REGISTER = """mutation($username: String!, $email: String!, $password: String!) {
  registerUser(username: $username, email: $email, password: $password) { ok user { pk username email } }
}"""
OBTAIN = """mutation($username: String!, $password: String!) {
  obtainToken(username: $username, password: $password) { access refresh }
}"""
REFRESH = "mutation($refresh: String!) { refreshToken(refresh: $refresh) { access refresh } }"
REVOKE = "mutation($refresh: String!) { revokeToken(refresh: $refresh) { ok } }"
USER = "query($id: Int) { user(id: $id) { id pk username email createdAt } }"


def sign_in(username: str = "ada", password: str = PASSWORD) -> dict[str, str]:
    return Graph().data(OBTAIN, username=username, password=password)["obtainToken"]


# -- Signing in -------------------------------------------------------------------------------------------------
def test_registered_user_signs_in_and_is_known_in_rest_too():
    created = Graph().data(REGISTER, username="ada", email="Ada@example.com", password=PASSWORD)["registerUser"]
    access = sign_in()["access"]

    me = Graph().send("{ me { pk username email } }", Authorization=f"Bearer {access}").json()["data"]["me"]
    in_rest = Api().get("/users/me", Authorization=f"Bearer {access}").json()

    user = User.objects.get()
    assert created == {"ok": True, "user": {"pk": user.pk, "username": "ada", "email": "Ada@example.com"}}
    assert me == created["user"]
    assert in_rest["id"] == user.pk
    assert user.check_password(PASSWORD)


def test_refresh_gives_both_anew_and_works_once_over_both_protocols():
    make_user(username="ada", password=PASSWORD)
    first = sign_in()

    second = Graph().data(REFRESH, refresh=first["refresh"])["refreshToken"]

    assert {second["access"], second["refresh"]}.isdisjoint(first.values())
    assert Graph().error(REFRESH, refresh=first["refresh"]) == {"message": "Invalid token", "code": "UNAUTHENTICATED"}
    assert Api().post("/auth/token/refresh", {"refresh": second["refresh"]}).status_code == 401


def test_revoked_token_is_worth_nothing_over_both_protocols():
    make_user(username="ada", password=PASSWORD)
    pair = sign_in()

    assert Graph().data(REVOKE, refresh=pair["refresh"]) == {"revokeToken": {"ok": True}}
    assert Graph().code(REFRESH, refresh=pair["refresh"]) == "UNAUTHENTICATED"
    assert Api().post("/auth/token/refresh", {"refresh": pair["refresh"]}).status_code == 401


@pytest.mark.parametrize("mutation", [REFRESH, REVOKE])
@pytest.mark.parametrize(("token", "code"), [("", "INVALID_INPUT"), ("x", "UNAUTHENTICATED"), ("é", "UNAUTHENTICATED")])
def test_token_that_is_none_is_refused(mutation, token, code):
    assert Graph().code(mutation, refresh=token) == code


# -- Reading ----------------------------------------------------------------------------------------------------
def test_user_shows_every_field_to_that_user_and_staff():
    user = make_user(username="ada", email="ada@example.com")
    expected = {
        "id": global_id(user),
        "pk": user.pk,
        "username": "ada",
        "email": "ada@example.com",
        "createdAt": user.created_at.isoformat().replace("+00:00", "Z"),
    }

    assert Graph(user).data(USER, id=user.pk) == {"user": expected}
    assert Graph(make_staff()).data(USER, id=user.pk) == {"user": expected}
    assert Graph(user).data(USER.replace("user(id: $id)", "me").replace("($id: Int)", "")) == {"me": expected}


@pytest.mark.parametrize("query", ["{ user { pk } }", "{ user(id: null) { pk } }"])
def test_user_without_an_id_is_invalid(query):
    assert Graph(make_user()).error(query) == {"message": "id is required", "code": "INVALID_INPUT"}


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("username", ["ann", "bob", "cal"]),
        ("-username", ["cal", "bob", "ann"]),
        ("email", ["cal", "ann", "bob"]),
        ("created_at", ["bob", "ann", "cal"]),
        ("-id", ["cal", "ann", "bob"]),
    ],
)
def test_order_of_users(order_by, expected):
    make_user(username="bob", email="z@example.com")
    make_user(username="ann", email="m@example.com")
    staff = make_staff(username="cal", email="a@example.com")

    found = Graph(staff).data("query($o: String) { allUsers(orderBy: $o) { edges { node { username } } } }", o=order_by)

    assert nodes(found["allUsers"], "username") == expected


@pytest.mark.parametrize("order_by", ["password", "is_staff", "user"])
def test_users_are_not_sorted_by_what_is_not_shown(order_by):
    error = Graph(make_staff()).error("query($o: String) { allUsers(orderBy: $o) { totalCount } }", o=order_by)

    assert error["code"] == "INVALID_INPUT"


@pytest.mark.parametrize("field", ["password", "isStaff", "lastLogin", "tokenFamilies"])
def test_what_is_not_shown_is_no_field(field):
    assert Graph(make_staff()).code(f"{{ me {{ {field} }} }}") == "INVALID_INPUT"


# -- Nodes ------------------------------------------------------------------------------------------------------
NODE = """query($id: ID!) { node(id: $id) { __typename id
  ... on User { username } ... on Product { name } ... on Order { number } ... on OrderItem { quantity } } }"""


def test_node_gives_everything_to_who_may_see_it():
    user = make_user()
    order = make_order(user)
    item = order.items.get()
    graph = Graph(user)

    found = [graph.data(NODE, id=global_id(row))["node"] for row in (user, item.product, order, item)]

    assert found == [
        {"__typename": "User", "id": global_id(user), "username": user.username},
        {"__typename": "Product", "id": global_id(item.product), "name": item.product.name},
        {"__typename": "Order", "id": global_id(order), "number": order.number},
        {"__typename": "OrderItem", "id": global_id(item), "quantity": 1},
    ]


def test_node_is_null_and_not_found_for_who_may_not_know_of_it():
    order = make_order()
    rows = [order.user, order, order.items.get()]

    for row in rows:
        hidden = Graph(make_user()).error(NODE, id=global_id(row))
        row_like_it = type(row)(pk=999_999)
        missing = Graph(make_user()).error(NODE, id=global_id(row_like_it))
        assert hidden["code"] == missing["code"] == "NOT_FOUND"
        assert hidden["message"].replace(str(row.pk), "*") == missing["message"].replace("999999", "*")
        assert Graph().code(NODE, id=global_id(row)) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "\ud800",
        "VG9rZW5GYW1pbHk6MQ==",  # TokenFamily:1
        "UHJvZHVjdDo=",  # Product:
        "UHJvZHVjdDp4",  # Product:x
        "UHJvZHVjdDotMQ==",  # Product:-1
        "UHJvZHVjdDo5OTk5OTk5OTk5OQ==",  # Product:99999999999
        "UHJvZHVjdDo5OTk5OTk5OTk5OTk5OTk5OTk5OTk=",  # Product:9999...
    ],
)
def test_text_that_is_no_global_id(text):
    response = Graph().send(NODE, {"id": text})

    assert response.json()["data"] == {"node": None}
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_node_without_an_id_is_invalid():
    assert Graph().code("{ node { id } }") == "INVALID_INPUT"
    assert Graph().code("{ node(id: null) { id } }") == "INVALID_INPUT"
    assert Graph().code("query($id: ID!) { node(id: $id) { id } }", id=None) == "INVALID_INPUT"


def test_node_takes_the_caller_and_one_statement(unlimited):
    order = make_order()
    graph = Graph(make_staff())

    for row in (order.user, order, order.items.get(), order.items.get().product):
        with statements() as sql:
            graph.data(NODE, id=global_id(row))
        assert len(sql) == 2
