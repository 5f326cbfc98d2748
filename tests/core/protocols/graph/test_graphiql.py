"""GraphiQL at /graphql: its policy, its files, and the examples it opens with."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from graphql import (
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    build_client_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    parse,
    print_schema,
)

from accounts.models import User
from catalog.models import Product
from ecommerce.schema import schema
from orders.models import Order
from samples.demo.loading import CUSTOMER, STAFF, prepare
from tests.support.api import access_token
from tests.support.live import ROOT

FOLDER = ROOT / "ecommerce" / "static" / "ecommerce" / "graphiql"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PASSWORD = "a-demo-password"
OF_ANYONE = {"BrowseProducts", "Categories", "OneProduct", "Search", "SignIn", "RefreshToken", "SignOut", "Register"}
OF_THE_CUSTOMER = {"MyOrders", "MyOrdersByPages", "OneOrder", "PlaceOrder", "CancelOrder"}
# What the vendored scripts name without asking it for anything: namespaces, and links that a reader may follow.
NAMED_IN_SCRIPTS = re.compile(
    r"https?://(www\.w3\.org/|reactjs\.org/docs/error-decoder|codemirror\.net/5/doc|commonmark\.org"
    r"|en\.wikipedia\.org/wiki/IEEE_floating_point|github\.com/(graphql/graphiql|OneGraph|jonschlinkert)"
    r"|www\.onegraph\.com)"
)


def tabs() -> list[str]:
    """Return the documents of the tabs, cut as page.js cuts them."""
    return re.split(r"^#---\n", (FOLDER / "examples.graphql").read_text(), flags=re.MULTILINE)


def operations() -> Iterator[tuple[str, OperationDefinitionNode]]:
    for text in tabs():
        for node in parse(text).definitions:
            if isinstance(node, OperationDefinitionNode):
                yield text, node


def opened(**headers: str) -> Any:
    return Client().get("/graphql", headers=BROWSER | headers)


def links_of(html: str) -> list[str]:
    return re.findall(r'(?:src|href|data-examples)="([^"]*)"', html)


# -- The page ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_page_may_load_its_own_files_and_nothing_else() -> None:
    response = opened()

    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
    nonce = re.search(r'data-style-nonce="([\w-]{22})"', response.content.decode())[1]
    assert response["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' 'nonce-{nonce}'",
        "font-src data:",
        "img-src 'self' data:",
        "connect-src 'self' ws://testserver",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


@pytest.mark.django_db
def test_each_page_has_a_nonce_of_its_own_and_is_not_kept() -> None:
    first, second = opened(), opened()

    assert first["Content-Security-Policy"] != second["Content-Security-Policy"]
    assert first["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_page_has_nothing_inline() -> None:
    html = opened().content.decode()

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html) == []


@pytest.mark.django_db
def test_link_with_a_document_opens_the_page_and_asks_nothing() -> None:
    link = Client().get("/graphql", {"query": "{ me { id } }", "variables": "{}"}, headers=BROWSER)

    assert (link.status_code, link["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"{ me" not in link.content


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "*/*"])
def test_client_that_asks_for_no_html_gets_no_page(accept: str) -> None:
    response = Client().get("/graphql", headers={"Accept": accept})

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


# -- Its files --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_file_of_the_page_is_served_from_here() -> None:
    links = links_of(opened().content.decode())

    assert len(links) == 12
    assert [link for link in links if not link.startswith("/static/")] == []
    assert {link: Client().get(link).status_code for link in links} == dict.fromkeys(links, 200)


@pytest.mark.parametrize("name", ["page.js", "page.css", "examples.graphql"])
def test_own_files_name_no_other_host(name: str) -> None:
    assert re.findall(r"//[\w.-]+\.\w+", (FOLDER / name).read_text()) == []


def test_vendored_styles_carry_their_fonts_and_images() -> None:
    for path in (FOLDER / "vendor").glob("*.css"):
        styles = path.read_text()
        assert re.findall(r"@import|url\((?!data:)[^)]{0,80}", styles) == [], path.name


def test_vendored_scripts_name_other_hosts_only_in_what_is_read() -> None:
    for path in (FOLDER / "vendor").glob("*.js"):
        addresses = re.findall(r"https?://\w[^\s\"'`\\)]*", path.read_text())
        assert [address for address in addresses if not NAMED_IN_SCRIPTS.match(address)] == [], path.name


def test_vendored_files_are_the_published_ones() -> None:
    sums = dict(reversed(line.split()) for line in (FOLDER / "vendor" / "SHA256SUMS").read_text().splitlines())
    files = [path for path in (FOLDER / "vendor").iterdir() if path.suffix in (".js", ".css")]

    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == sums


def test_every_vendored_file_has_its_version_and_licence_noted() -> None:
    notes = (FOLDER / "vendor" / "VERSIONS.md").read_text()
    files = {path.name for path in (FOLDER / "vendor").iterdir()} - {"VERSIONS.md"}

    assert {name for name in files if name not in notes} == set()


# -- What it asks -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_docs_and_explorer_get_the_whole_schema() -> None:
    query = get_introspection_query(input_value_deprecation=True, schema_description=True)

    answer = ask(query, "IntrospectionQuery")

    seen, whole = build_client_schema(answer["data"]), schema.graphql_schema
    assert print_schema(lexicographic_sort_schema(seen)) == print_schema(lexicographic_sort_schema(whole))


def test_tabs_open_under_the_names_of_their_first_operations() -> None:
    firsts = [re.search(r"^(?:query|mutation|subscription) (\w+)", text, re.MULTILINE)[1] for text in tabs()]

    assert firsts == [
        "BrowseProducts",
        "OneProduct",
        "Search",
        "SignIn",
        "Register",
        "MyOrders",
        "PlaceOrder",
        "CreateProduct",
        "Categories",
        "MoveOrder",
        "OrdersOfUsers",
        "FollowProducts",
    ]


def test_examples_use_every_query_mutation_and_subscription() -> None:
    used: dict[str, set[str]] = {"query": set(), "mutation": set(), "subscription": set()}
    for _, operation in operations():
        fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
        used[operation.operation.value] |= {field.name.value for field in fields}

    assert used == {
        "query": set(schema.graphql_schema.query_type.fields),
        "mutation": set(schema.graphql_schema.mutation_type.fields),
        "subscription": set(schema.graphql_schema.subscription_type.fields),
    }


@pytest.mark.long
@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_every_query_and_mutation_of_the_examples_runs_as_it_is_in_the_demo_shop() -> None:
    prepare(PASSWORD)
    answers = run_all()

    assert {name: answer["errors"] for name, answer in answers.items() if "errors" in answer} == {}
    refused = [name for name, answer in answers.items() if any(is_refused(field) for field in answer["data"].values())]
    assert refused == ["DeleteProduct", "CreateProducts", "DeleteCategory"]  # as their comments say
    assert Order.objects.get(pk=20).status == "cancelled"
    assert Order.objects.get(pk=28).status == "refunded"
    assert Product.objects.filter(name__in=("Tin Whistle in D", "Kazoo")).count() == 2


def run_all() -> dict[str, Any]:
    """Run the examples in their order, with the values that only their reader can know."""
    tokens = {name: access_token(User.objects.get(username=name)) for name in (STAFF, CUSTOMER)}
    answers: dict[str, Any] = {}
    known = {"SignIn": {"password": PASSWORD}}
    for text, operation in operations():
        if operation.operation is OperationType.SUBSCRIPTION:
            continue  # for test_graphiql_chromium.py: it has no one answer
        name = operation.name.value
        caller = None if name in OF_ANYONE else CUSTOMER if name in OF_THE_CUSTOMER else STAFF
        answers[name] = ask(text, name, known.get(name), tokens.get(caller))
        if name == "History":
            past = [edge["node"] for edge in answers[name]["data"]["productHistory"]["edges"]]
            known["Revert"] = {"change": next(change["pk"] for change in past if change["kind"] == "changed")}
        pair = next(iter((answers[name].get("data") or {}).values()), None)
        if pair and "refresh" in pair:
            known["RefreshToken"] = known["SignOut"] = {"refresh": pair["refresh"]}
    return answers


def is_refused(field: Any) -> bool:
    return field is None or (isinstance(field, dict) and field.get("ok") is False)


def ask(query: str, operation: str, variables: dict[str, Any] | None = None, token: str | None = None) -> Any:
    body = {"query": query, "operationName": operation, "variables": variables or {}}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client().post("/graphql", json.dumps(body), content_type="application/json", headers=headers).json()
