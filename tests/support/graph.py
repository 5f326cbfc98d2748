"""A GraphQL client inside the test process that authenticates with a real token."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from graphql_relay import to_global_id

from accounts.models import User
from tests.support.api import Api

URL = "http://testserver/graphql"
MEDIA_TYPE = "application/graphql-response+json"


class Graph:
    """`Graph(user).data("query($id: Int) { product(id: $id) { name } }", id=1)`."""

    def __init__(self, user: User | None = None) -> None:
        self.api = Api(user)

    def send(self, query: Any, variables: Any = None, **headers: str) -> HttpResponse:
        """Post a document. `Request_ID="..."` sets the header Request-ID."""
        return self.post({"query": query, "variables": variables}, **headers)

    def post(self, body: Any, **headers: str) -> HttpResponse:
        """Post a body: text or bytes unchanged, anything else as JSON."""
        return self.api.send("post", URL, body, **{"Accept": MEDIA_TYPE} | headers)

    def data(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """Return the data of a document; fail if the response has errors."""
        response = self.send(query, variables)
        assert "errors" not in response.json(), response.json()["errors"]
        assert response.status_code == 200
        return response.json()["data"]

    def error(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """Return the only error of a document, as `error_of` does."""
        return error_of(self.send(query, variables))

    def code(self, query: str, /, **variables: Any) -> str:
        return self.error(query, **variables)["code"]


def error_of(response: HttpResponse) -> dict[str, Any]:
    """Return the message and the extensions of the only error in a response, without the request id."""
    (error,) = response.json()["errors"]
    facts = {"message": error["message"], **error["extensions"]}
    assert facts.pop("request_id") == response["X-Request-ID"]
    return facts


def nodes(connection: dict[str, Any], name: str) -> list[Any]:
    """Return one field of every node of a connection."""
    return [edge["node"][name] for edge in connection["edges"]]


def global_id(row: Any) -> str:
    return to_global_id(type(row).__name__, row.pk)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL that the block runs; the list is filled when the block ends."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [query["sql"] for query in captured]
