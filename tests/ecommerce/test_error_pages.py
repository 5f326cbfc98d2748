"""Pages for people: what happened, a way back, the request's id. Paths of an API stay in its format."""

from pathlib import Path

import pytest
from django.test import Client

from ecommerce import docs_site

HTML = {"Accept": "text/html, */*;q=0.8"}


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [("/nothing", 404, "There is no such page"), ("/docs/../manage.py", 400, "This request can&#x27;t be read")],
)
def test_page_says_what_happened_and_shows_the_way_back(client, path, status, title):
    response = client.get(path, headers={**HTML, "X-Request-ID": "a-name-of-mine"})

    text = response.content.decode()
    assert (response.status_code, response["Cache-Control"]) == (status, "no-store")
    assert f"<h1>{title}</h1>" in text
    assert '<a href="/">' in text
    assert "Request a-name-of-mine" in text
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_error_of_ours_is_a_page_with_the_request_id(client, monkeypatch):
    def fail() -> Path:
        raise OSError("/proc/nothing")

    monkeypatch.setattr(docs_site, "built", fail)

    response = client.get("/docs/", headers={**HTML, "X-Request-ID": "a-name-of-mine"})

    text = response.content.decode()
    assert response.status_code == 500
    assert "<h1>Something went wrong</h1>" in text
    assert "a-name-of-mine" in text
    assert "/proc" not in text


@pytest.mark.django_db
def test_form_without_its_token_is_refused_with_a_reason():
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})

    assert response.status_code == 403
    assert "cookies are off" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/nothing", "/api/v2/nothing", "/graphql/nothing"])
def test_unknown_path_of_an_api_stays_in_its_format(client, path):
    response = client.get(path, headers=HTML)

    assert response.status_code == 404
    assert "json" in response["Content-Type"]
