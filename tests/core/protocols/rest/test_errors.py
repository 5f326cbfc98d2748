"""Every refusal and every fault of REST is JSON with a code and a request id."""

import json
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import override_settings

from tests.support.api import Api, errors_of
from tests.support.factories import make_staff, make_user

pytestmark = pytest.mark.django_db
NESTED = "[" * 15_000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "http://testserver/api"),
        ("get", "http://testserver/api/"),
        ("get", "http://testserver/api/v3/products"),
        ("get", "/nothing"),
        ("post", "/nothing"),
        ("get", "/products/"),
        ("get", "/products/abc"),
        ("get", "/products/-1"),
        ("get", "/products/0"),
        ("get", "/products/99999999999999999999"),
        ("get", "/products/" + "9" * 5000),
        ("get", "/products/%00"),
    ],
)
def test_what_is_not_there_is_404(method, path):
    response = Api().send(method, path)

    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert errors_of(response) == {"error": "Resource not found", "code": "not_found"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("delete", "/products", "GET, POST, HEAD, OPTIONS"),
        ("post", "/products/1", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("get", "/products/batch", "POST, OPTIONS"),
        ("get", "/auth/token", "POST, OPTIONS"),
        ("get", "/orders/1/cancel", "POST, OPTIONS"),
        ("put", "/users/me", "GET, HEAD, OPTIONS"),
        ("trace", "/products", "GET, POST, HEAD, OPTIONS"),
        ("brew", "/products", "GET, POST, HEAD, OPTIONS"),
    ],
)
def test_wrong_method_is_405_and_names_the_right_ones(method, path, allowed):
    response = Api(make_staff()).send(method, path)

    assert (response.status_code, response["Allow"]) == (405, allowed)
    assert errors_of(response)["code"] == "method_not_allowed"


@pytest.mark.parametrize("accept", ["text/html", "application/yaml", "image/*", "application/json;q=0"])
def test_what_can_not_be_written_is_406(accept):
    response = Api().get("/products", Accept=accept)

    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/*", "text/html, */*;q=0.1", "application/json;charset=utf-8"]
)
def test_json_is_written_to_who_takes_it(accept):
    response = Api().get("/products", Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_what_can_not_be_read_is_415(content_type):
    response = Api().send("post", "/auth/token", "a=1", content_type=content_type)

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Invalid JSON: expecting property name enclosed in double quotes at line 1 column 2"),
        (" ", "Invalid JSON: expecting value at line 1 column 2"),
        ("", "Name is required; Valid price is required"),
        (NESTED, "Invalid JSON: nested too deep"),
        ('{"a":' * 15_000, "Invalid JSON: nested too deep"),
        ('{"name": "a", "name": "b"}', "Invalid JSON: an object has a duplicate name"),
        ('{"price": NaN}', "Invalid JSON: NaN is not allowed"),
        ('{"price": -Infinity}', "Invalid JSON: -Infinity is not allowed"),
        ('{"price": ' + "9" * 5000 + "}", "Invalid JSON: an integer has too many digits"),
        (b'{"name": "\xff"}', "Invalid JSON: not UTF-8"),
        ("[1, 2]", "An object is expected"),
        ("null", "No data provided"),
        ('"text"', "An object is expected"),
    ],
)
def test_body_that_is_no_json_object_is_400(body, message):
    response = Api(make_staff()).send("post", "/products", body)

    assert response.status_code == 400
    assert errors_of(response)["error"] == message


@override_settings(MAX_BODY_BYTES=1000)
def test_oversized_body_is_413():
    response = Api(make_staff()).send("post", "/products", json.dumps({"name": "x" * 1000}))

    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_fault_is_500_and_tells_nothing(monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("catalog.querysets.ProductQuerySet.visible_to", broken)
    response = Api().get("/products")

    assert response.status_code == 500
    assert errors_of(response) == {"error": "Internal server error", "code": "internal"}
    assert "secret detail" in caplog.text


def test_fault_outside_a_view_is_500_in_json_too(monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("core.protocols.rest.views.ShopView.finalize_response", broken)
    response = Api().get("/products")

    assert (response.status_code, response["Content-Type"]) == (500, "application/json")
    assert errors_of(response) == {"error": "Internal server error", "code": "internal"}


def test_database_that_does_not_answer_is_503(monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("catalog.querysets.ProductQuerySet.visible_to", gone)
    response = Api().get("/products")

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert errors_of(response) == {
        "error": "The database is unavailable",
        "code": "unavailable",
        "retry_after": 2,
    }


def test_unknown_host_is_400_and_logged_once(caplog):
    name = f"{uuid4().hex}.example"
    responses = [Api().get("/products", Host=name) for _ in range(2)]

    assert {(each.status_code, each.json()["code"], each.json()["error"]) for each in responses} == {
        (400, "invalid_input", "This host is not served here")
    }
    (line,) = [each.getMessage() for each in caplog.records if name in each.getMessage()]
    assert "ALLOWED_HOSTS" in line


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-12345", True), ("x", False), ("a b c d e f", False), ("x" * 65, False)]
)
def test_well_formed_request_id_is_kept(given, kept):
    response = Api().get("/products", X_Request_ID=given)

    assert (response["X-Request-ID"] == given) is kept


@override_settings(RATE_LIMITS=True, RATE_ANONYMOUS_PER_MINUTE=3, RATE_USER_PER_MINUTE=5)
def test_past_the_budget_is_429_for_that_caller_alone():
    stranger, user = Api(), Api(make_user())

    answers = [stranger.get("/products") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    seconds = answers[3].json()["retry_after"]
    assert errors_of(answers[3]) == {"error": "Rate limit exceeded", "code": "rate_limited", "retry_after": seconds}
    assert answers[3]["Retry-After"] == str(seconds)
    assert 1 <= seconds <= 60
    assert [user.get("/products").status_code for _ in range(6)] == [200] * 5 + [429]


@override_settings(RATE_LIMITS=True, RATE_ANONYMOUS_PER_MINUTE=2)
def test_unknown_paths_and_bad_tokens_count_too():
    stranger = Api()

    answers = [stranger.get("/nothing"), stranger.get("/products", Authorization="Bearer x"), stranger.get("/products")]

    assert [answer.status_code for answer in answers] == [404, 401, 429]


@override_settings(RATE_LIMITS=True, RATE_SIGN_IN_PER_MINUTE=2)
def test_sign_in_and_registration_have_a_budget_of_their_own():
    body = {"username": "ada", "password": "wrong"}

    tries = [Api().post("/auth/token", body).status_code for _ in range(3)]
    registration = Api().post("/users", body | {"email": "a@example.com"})

    assert tries == [401, 401, 429]
    assert registration.status_code == 429
    assert Api().get("/products").status_code == 200
