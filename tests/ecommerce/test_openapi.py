"""The OpenAPI document, and the page to try it on."""

import re

import pytest

from tests.api import Api

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> dict:
    from ecommerce.rest.docs import _document

    return _document()


@pytest.mark.django_db
def test_document_is_served_as_json():
    response = Api().get("http://testserver/api/schema")

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["openapi"] == "3.1.1"


def test_every_operation_has_a_summary_an_example_and_its_errors(document):
    operations = [(path, m, op) for path, methods in document["paths"].items() for m, op in methods.items()]

    assert len(operations) == 25
    for path, method, operation in operations:
        name = f"{method} {path}"
        assert operation["summary"], name
        assert {"400", "401", "429", "500", "503"} <= operation["responses"].keys(), name
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert "204" in operation["responses"] or all("examples" in answer for answer in success["content"].values()), (
            name
        )
        if "requestBody" in operation:
            assert "examples" in operation["requestBody"]["content"]["application/json"], name
            assert {"413", "415"} <= operation["responses"].keys(), name


def test_document_names_the_lists_as_they_are_answered(document):
    lists = {
        name: schema["required"] for name, schema in document["components"]["schemas"].items() if "Paginated" in name
    }

    assert lists == {
        "PaginatedProductRowList": ["products", "pagination"],
        "PaginatedOrderList": ["orders", "pagination"],
        "PaginatedOrderRowList": ["user_id", "orders", "pagination"],
        "PaginatedUserList": ["users", "pagination"],
    }


def test_page_to_try_asks_no_other_host(client):
    page = client.get("/api/docs").content.decode()

    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(addresses) >= 4
    assert all(address.startswith("/static/") for address in addresses)
    assert "//cdn" not in page
