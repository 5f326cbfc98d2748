"""All bad parameters of a list are named together, by every door."""

from typing import Any

import pytest

from tests.parity.doors import Doors, doors
from tests.support.api import Api
from tests.support.factories import make_staff
from tests.support.graph import Graph

__all__ = ["doors"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"order_by": "colour", "min_price": 1.234}, {"sort", "min_price"}),
        ({"min_price": 1.234, "max_price": 12345678901.5}, {"min_price", "max_price"}),
        ({"size": -1, "q": "x" * 201}, {"size", "q"}),
        ({"size": -1, "order_by": "colour", "q": "x" * 201, "min_price": 0.001}, {"size", "sort", "q", "min_price"}),
    ],
)
def test_every_door_names_all_bad_parameters_together(asked: dict[str, Any], named: set[str], doors: Doors) -> None:
    answers = {name: kind(None).products(**asked) for name, kind in doors.items()}

    assert {answer.code for answer in answers.values()} == {"invalid_input"}
    assert {name: answer.named for name, answer in answers.items()} == dict.fromkeys(doors, named)


@pytest.mark.parametrize(
    ("base", "query", "named"),
    [
        ("/api/v1", "page=0&per_page=101", {"page", "per_page"}),
        ("/api/v1", "page=x&sort=x&order=x&in_stock=x", {"page", "sort", "order", "in_stock"}),
        ("/api/v2", "page=1&per_page=1&limit=0&cursor=x", {"page", "per_page", "limit", "cursor"}),
        ("/api/v2", "cursor=x&min_price=x", {"cursor", "min_price"}),
    ],
)
def test_rest_names_all_bad_parameters_in_json_and_xml(base: str, query: str, named: set[str]) -> None:
    body = Api(base=base).get(f"/products?{query}").json()
    xml = Api(base=base).get(f"/products?{query}", Accept="application/xml").content.decode()

    assert (body["code"], set(body["errors"])) == ("invalid_input", named)
    assert (body.get("error") or body["detail"]) == "; ".join(body["errors"].values())
    assert all(f'field="{name}"' in xml for name in named)


def test_graphql_names_cursors_with_the_other_arguments() -> None:
    error = Graph().error('{ allProducts(orderBy: "id", first: 101, after: "x", minPrice: 0.001) { totalCount } }')
    of_users = Graph(make_staff()).error('{ allUsers(orderBy: "x", last: -1) { totalCount } }')

    assert set(error["fields"]) == {"first", "after", "minPrice"}
    assert set(of_users["fields"]) == {"orderBy", "last"}
