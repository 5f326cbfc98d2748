"""Users and tokens over REST v1."""

import pytest

from accounts.models import User
from tests.support.api import Api, errors_of
from tests.support.factories import make_staff, make_user

pytestmark = pytest.mark.django_db
ADA = {"username": "ada", "email": "Ada@example.com", "password": "correct horse battery"}


def sign_in(username: str = "ada", password: str = ADA["password"]) -> dict[str, str]:
    return Api().post("/auth/token", {"username": username, "password": password}).json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_registered_user_signs_in_and_is_known():
    created = Api().post("/users", ADA)
    access = sign_in()["access"]

    me = Api().get("/users/me", **bearer(access))

    user = User.objects.get()
    url = f"http://testserver/api/v1/users/{user.pk}"
    assert (created.status_code, created["Location"]) == (201, url)
    assert me.json() == created.json()
    assert {name: value for name, value in me.json().items() if name != "created_at"} == {
        "id": user.pk,
        "username": "ada",
        "email": "Ada@example.com",
        "_links": {"self": url, "orders": f"{url}/orders"},
    }
    assert b"password" not in created.content + me.content


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"username": ""}, {"username": "Username is required"}),
        ({"username": "a b"}, {"username"}),
        ({"username": "x" * 81}, {"username": "Username has at most 80 characters"}),
        ({"email": "nobody"}, {"email": "Valid email is required"}),
        ({"email": "ä@example.com"}, {"email"}),
        ({"email": "a@" + "x" * 120 + ".com"}, {"email"}),
        ({"password": ""}, {"password": "Password is required"}),
        ({"password": "12345678"}, {"password"}),
        ({"password": "short"}, {"password"}),
        ({"password": "adaadaada1", "username": "adaadaada1"}, {"password"}),
        ({"password": "a\0bcdefghi"}, {"password"}),
        ({"username": None, "email": None, "password": None}, {"username", "email", "password"}),
    ],
)
def test_invalid_registration_is_refused(fields, errors):
    response = Api().post("/users", ADA | fields)

    assert response.status_code == 400
    found = errors_of(response)["errors"]
    assert found == errors if isinstance(errors, dict) else set(found) == errors
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"), [({"username": "eve"}, "email"), ({"email": "eve@example.com"}, "username")]
)
def test_taken_name_or_email_is_a_conflict(fields, field):
    make_user(username="ada", email="ADA@EXAMPLE.COM")

    response = Api().post("/users", ADA | fields)

    assert (response.status_code, response.json()["code"]) == (409, "already_exists")
    assert list(response.json()["errors"]) == [field]
    assert User.objects.count() == 1


def test_wrong_password_and_unknown_name_are_answered_alike():
    make_user(username="ada", password="right")
    make_user(username="gone", password="right", is_active=False)

    answers = [
        Api().post("/auth/token", {"username": name, "password": password}, X_Request_ID="same-request")
        for name, password in (("ada", "wrong"), ("nobody", "right"), ("gone", "right"))
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0]["WWW-Authenticate"] == "Bearer"


def test_tokens_are_not_to_be_stored_by_caches():
    make_user(username="ada", password="right")

    assert Api().post("/auth/token", {"username": "ada", "password": "right"})["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ä", "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoxfQ."])
def test_bad_token_is_refused_also_where_none_is_needed(token):
    response = Api().get("/products", Authorization=f"Bearer {token}")

    assert response.status_code == 401
    assert errors_of(response) == {"error": "Invalid token", "code": "unauthenticated"}
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_refresh_token_is_no_access_token():
    make_user(username="ada", password="right")
    pair = sign_in(password="right")

    assert Api().get("/users/me", **bearer(pair["refresh"])).status_code == 401
    assert Api().post("/auth/token/refresh", {"refresh": pair["access"]}).status_code == 401


def test_refresh_gives_both_anew_and_works_once():
    make_user(username="ada", password="right")
    first = sign_in(password="right")

    second = Api().post("/auth/token/refresh", {"refresh": first["refresh"]})

    assert second.status_code == 200
    assert {second.json()["access"], second.json()["refresh"]}.isdisjoint(first.values())
    assert Api().get("/users/me", **bearer(second.json()["access"])).status_code == 200
    assert Api().post("/auth/token/refresh", {"refresh": first["refresh"]}).status_code == 401


def test_replayed_refresh_token_ends_the_newest_one_too():
    make_user(username="ada", password="right")
    first = sign_in(password="right")
    second = Api().post("/auth/token/refresh", {"refresh": first["refresh"]}).json()
    other = sign_in(password="right")

    Api().post("/auth/token/refresh", {"refresh": first["refresh"]})

    assert Api().post("/auth/token/refresh", {"refresh": second["refresh"]}).status_code == 401
    assert Api().post("/auth/token/refresh", {"refresh": other["refresh"]}).status_code == 200


def test_revoked_token_is_worth_nothing():
    make_user(username="ada", password="right")
    pair = sign_in(password="right")

    revoked = Api().post("/auth/token/revoke", {"refresh": pair["refresh"]})

    assert (revoked.status_code, revoked.content) == (204, b"")
    assert Api().post("/auth/token/refresh", {"refresh": pair["refresh"]}).status_code == 401
    assert Api().post("/auth/token/revoke", {"refresh": pair["refresh"]}).status_code == 204


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "md5$x$y"}])
def test_tokens_end_with_the_users_right_to_sign_in(change):
    user = make_user(username="ada", password="right")
    pair = sign_in(password="right")
    User.objects.filter(pk=user.pk).update(**change)

    assert Api().get("/users/me", **bearer(pair["access"])).status_code == 401
    assert Api().post("/auth/token/refresh", {"refresh": pair["refresh"]}).status_code == 401


def test_list_of_users_is_for_staff():
    user, staff = make_user(), make_staff()

    assert Api().get("/users").status_code == 401
    assert Api(user).get("/users").status_code == 403
    body = Api(staff).get("/users").json()
    assert [row["id"] for row in body["users"]] == [user.pk, staff.pk]
    assert body["pagination"]["total"] == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("email=ADA@Example.com", ["ada"]),
        ("username=ADA", ["ada"]),
        ("username=ada&email=ada@example.com", ["ada"]),
        ("username=ada&email=bob@example.com", []),
        ("email=ada", []),
        ("username=", ["ada", "bob", "boss"]),
    ],
)
def test_staff_finds_a_user_by_the_whole_email_or_name(query, found):
    make_user(username="ada", email="Ada@example.com")
    make_user(username="bob", email="bob@example.com")

    body = Api(make_staff(username="boss")).get(f"/users?{query}").json()

    assert [row["username"] for row in body["users"]] == found
    assert body["pagination"]["total"] == len(found)


def test_customer_finds_no_user():
    ada = make_user(username="ada", email="ada@example.com")

    assert Api(ada).get("/users?email=ada@example.com").status_code == 403


@pytest.mark.parametrize("rows", [1, 50])
def test_list_takes_three_statements_however_long(rows, unlimited, django_assert_num_queries):
    staff = Api(make_staff())
    for _ in range(rows):
        make_user()

    with django_assert_num_queries(3):  # the caller, the users, their number
        assert len(staff.get(f"/users?per_page={rows}").json()["users"]) == rows
    with django_assert_num_queries(2):  # a page that is not full tells the number
        assert staff.get("/users?per_page=100").json()["pagination"]["total"] == rows + 1


def test_one_user_is_for_that_user_and_staff():
    user, other = make_user(), make_user()

    assert Api(user).get(f"/users/{user.pk}").json()["id"] == user.pk
    assert Api(make_staff()).get(f"/users/{user.pk}").json()["id"] == user.pk
    assert Api().get(f"/users/{user.pk}").status_code == 401
    hidden = Api(other).get(f"/users/{user.pk}", X_Request_ID="same-request")
    missing = Api(other).get("/users/999999", X_Request_ID="same-request")
    assert (hidden.status_code, hidden.content) == (404, missing.content)


def test_own_data_unchanged_is_not_sent_again():
    api = Api(make_user())

    tag = api.get("/users/me")["ETag"]

    assert api.get("/users/me", If_None_Match=tag).status_code == 304
