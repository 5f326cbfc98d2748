"""What a browser shows while the database can't serve."""

import pytest
from django.db import InternalError, OperationalError
from django.test import Client
from psycopg.errors import ReadOnlySqlTransaction

from tests.support.factories import make_staff

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def read_only() -> InternalError:
    error = InternalError("cannot execute UPDATE in a read-only transaction")
    error.__cause__ = ReadOnlySqlTransaction(str(error))
    return error


@pytest.fixture
def browser(db) -> Client:
    client = Client(raise_request_exception=False, headers=BROWSER)
    client.force_login(make_staff(is_superuser=True))
    return client


@pytest.mark.parametrize("path", ["/admin/catalog/product/", "/admin/", "/graphql"])
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OperationalError("connection refused"), "The database is unavailable."),
        (read_only(), "The database is read-only at the moment."),
    ],
)
def test_browser_gets_a_page_with_the_request_id(browser, monkeypatch, path, error, text):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)  # the admin's first statement
    monkeypatch.setattr("core.rates.limits.spend_request", fail)  # that of /graphql
    answer = browser.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert (answer["Retry-After"], answer["Cache-Control"]) == ("2", "no-store")
    assert "style-src 'self'" in answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert f"{text} Try again in 2 seconds." in " ".join(page.split())
    assert f"Request {answer['X-Request-ID']}" in page


def test_client_of_an_api_gets_no_page(client, monkeypatch):
    def fail(**caller):
        raise OperationalError("connection refused")

    client.raise_request_exception = False
    monkeypatch.setattr("core.rates.limits.spend_request", fail)
    rest = client.get("/api/v1/products", headers=BROWSER)
    graphql = client.post("/graphql", {"query": "{ me { pk } }"}, content_type="application/json")

    assert (rest.status_code, rest.json()["code"]) == (503, "unavailable")
    assert graphql.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


@pytest.mark.django_db
def test_fault_of_the_shop_stays_an_internal_error(browser, monkeypatch):
    def fail(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)

    assert browser.get("/admin/").status_code == 500
