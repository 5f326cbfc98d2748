"""GraphQL over HTTP: methods, media types, statuses, and every error in one form."""

import json
import logging

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import override_settings

from catalog.models import Product
from tests.support.api import Api
from tests.support.factories import make_product, make_staff, make_user
from tests.support.graph import MEDIA_TYPE, URL, Graph, error_of

pytestmark = pytest.mark.django_db
PREFLIGHT = {"GraphQL_Require_Preflight": "1"}
HELLO = {"query": "{ __typename }"}


# -- Media types and statuses -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (MEDIA_TYPE, f"{MEDIA_TYPE}; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
        (
            "application/json;q=0.5, application/graphql-response+json",
            "application/graphql-response+json; charset=utf-8",
        ),
    ],
)
def test_answer_has_the_media_type_asked_for(accept, content_type):
    response = Graph().post(HELLO, Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, content_type)
    assert response.json()["data"] == {"__typename": "Query"}
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("accept", "status"), [(MEDIA_TYPE, 400), ("application/json", 200)])
@pytest.mark.parametrize(
    "query", ["{", "{ nothing }", "{ product(id: 1.5) { name } }", "query Q($n: Int!) { me { id } }"]
)
def test_document_that_is_refused_is_400_where_the_client_can_tell_whose_answer_it_is(query, accept, status):
    response = Graph().post({"query": query}, Accept=accept)

    assert response.status_code == status
    assert error_of(response)["code"] == "INVALID_INPUT"
    assert "data" not in response.json()


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml"])
def test_answer_is_never_written_as_anything_else(accept):
    response = Graph().post(HELLO, Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (406, "application/json; charset=utf-8")
    assert error_of(response)["code"] == "NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/graphql", "application/x-www-form-urlencoded", "x"]
)
def test_body_of_another_media_type_is_415(content_type):
    response = Api().send("post", URL, "query={__typename}", content_type=content_type)

    assert response.status_code == 415
    assert error_of(response)["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "query must be a document"),
        ({"query": None}, "query must be a document"),
        ({"query": ""}, "query must be a document"),
        ({"query": 7}, "query must be a document"),
        (HELLO | {"variables": "x"}, "variables must be an object"),
        (HELLO | {"variables": [1]}, "variables must be an object"),
        (HELLO | {"operationName": 7}, "operationName must be a string"),
        (HELLO | {"extensions": "x"}, "extensions must be an object"),
        ([HELLO], "The body must be one JSON object: batches are not supported"),
        ("7", "The body must be one JSON object: batches are not supported"),
        ("{", "Invalid JSON: expecting property name enclosed in double quotes at line 1 column 2"),
        ('{"query": "{a}", "query": "{b}"}', "Invalid JSON: an object has a duplicate name"),
        (b'{"query": "\xff"}', "Invalid JSON: not UTF-8"),
        ('{"query": "{__typename}", "variables": {"n": NaN}}', "Invalid JSON: NaN is not allowed"),
    ],
)
@pytest.mark.parametrize("accept", [MEDIA_TYPE, "application/json"])
def test_request_that_is_none_is_400(body, message, accept):
    response = Graph().post(body, Accept=accept)

    assert response.status_code == 400
    assert error_of(response) == {"message": message, "code": "INVALID_INPUT"}


@pytest.mark.parametrize("field", ["variables", "operationName", "extensions"])
def test_null_parameter_is_one_that_is_left_out(field):
    assert Graph().post(HELLO | {field: None}).json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("A", {"data": {"a": "Query"}}),
        ("B", {"data": {"b": "Query"}}),
        ("C", "operationName is unknown"),
        (None, "operationName is required for several operations"),
    ],
)
def test_operation_is_chosen_by_its_name(name, answer):
    body = {"query": "query A { a: __typename } query B { b: __typename }", "operationName": name}

    response = Graph().post(body)

    if isinstance(answer, dict):
        assert response.json()["data"] == answer["data"]
    else:
        assert error_of(response)["message"] == answer


# -- Methods ----------------------------------------------------------------------------------------------------
def test_get_serves_queries_to_who_sends_the_preflight_header():
    query = "query($id:Int){product(id:$id){pk}}"

    response = Api().get(f'{URL}?query={query}&variables={{"id":5}}', **PREFLIGHT)

    assert response.status_code == 200
    assert error_of(response) == {"message": "Product 5 not found", "code": "NOT_FOUND"}


def test_get_without_the_preflight_header_is_refused():
    response = Api().get(f"{URL}?query={{__typename}}")

    assert response.status_code == 400
    assert error_of(response)["message"] == "GET needs the header GraphQL-Require-Preflight, with any value"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("", "query must be a document"),
        ("query={__typename}&variables=x", "Invalid JSON: expecting value at line 1 column 1"),
        ("query={__typename}&variables=[]", "variables must be an object"),
        ("query={__typename}&extensions=7", "extensions must be an object"),
    ],
)
def test_get_with_bad_parameters_is_400(parameters, message):
    response = Api().get(f"{URL}?{parameters}", **PREFLIGHT)

    assert (response.status_code, error_of(response)["message"]) == (400, message)


@pytest.mark.parametrize("method", ["get", "head"])
def test_mutation_is_served_by_post_alone(method):
    product, staff = make_product(), Api(make_staff())

    response = staff.send(method, f"{URL}?query=mutation{{deleteProduct(id:{product.pk}){{ok}}}}", **PREFLIGHT)

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert Product.objects.filter(pk=product.pk).exists()
    if method == "get":
        assert error_of(response) == {"message": "A mutation must be sent by POST", "code": "METHOD_NOT_ALLOWED"}


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace", "brew"])
def test_other_methods_are_405(method):
    response = Api().send(method, URL, HELLO)

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, POST")
    assert error_of(response)["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/graphql/", "/graphql/x", "/graphqlx"])
def test_paths_below_are_404_in_the_same_form(path):
    response = Api().get(f"http://testserver{path}")

    assert (response.status_code, error_of(response)["code"]) == (404, "NOT_FOUND")


def test_error_is_no_page_even_for_a_browser():
    response = Api().get(URL, Accept="text/html", Authorization="Bearer <b>x</b>")

    assert (response.status_code, response["Content-Type"]) == (401, "application/json; charset=utf-8")
    assert error_of(response) == {"message": "Invalid token", "code": "UNAUTHENTICATED"}


# -- Who asks ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_bad_token_is_401_also_where_none_is_needed(token):
    response = Graph().post(HELLO, Authorization=f"Bearer {token}")

    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert error_of(response) == {"message": "Invalid token", "code": "UNAUTHENTICATED"}


def test_past_the_budget_is_429_which_rest_and_graphql_draw_on_together():
    user = make_user()
    rest, graph = Api(user), Graph(user)
    with override_settings(RATE_LIMITS=True, RATE_USER_PER_MINUTE=4):
        answers = [rest.get("/products"), graph.post(HELLO), graph.send("{"), rest.get("/products")]
        refused, refused_by_rest = graph.post(HELLO), rest.get("/products")

    assert [answer.status_code for answer in answers] == [200, 200, 400, 200]
    seconds = error_of(refused)["retry_after"]
    assert error_of(refused) == {"message": "Rate limit exceeded", "code": "RATE_LIMITED", "retry_after": seconds}
    assert (refused.status_code, refused["Retry-After"]) == (429, str(seconds))
    assert refused_by_rest.status_code == 429


# -- Errors -----------------------------------------------------------------------------------------------------
def test_refusal_of_one_field_leaves_the_others():
    product = make_product(name="Tea")

    response = Graph().send(f"{{ me {{ id }} product(id: {product.pk}) {{ name }} order(id: 1) {{ id }} }}")

    body = response.json()
    assert response.status_code == 200
    assert body["data"] == {"me": None, "product": {"name": "Tea"}, "order": None}
    assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [
        (["me"], "UNAUTHENTICATED"),
        (["order"], "UNAUTHENTICATED"),
    ]
    assert body["errors"][0]["locations"] == [{"line": 1, "column": 3}]
    assert {error["extensions"]["request_id"] for error in body["errors"]} == {response["X-Request-ID"]}


def broken(*args, **kwargs):
    raise ZeroDivisionError("secret detail")


def test_fault_in_a_resolver_is_internal_and_tells_nothing(monkeypatch, caplog):
    monkeypatch.setattr("catalog.querysets.ProductQuerySet.visible_to", broken)

    response = Graph().send("{ product(id: 1) { name } }")

    assert (response.status_code, response.json()["data"]) == (200, {"product": None})
    assert error_of(response) == {"message": "Internal server error", "code": "INTERNAL"}
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(("fault", "code"), [(ZeroDivisionError, "INTERNAL"), (OperationalError, "UNAVAILABLE")])
def test_fault_is_met_once_and_not_once_a_row(fault, code, monkeypatch, caplog):
    staff, calls = make_staff(), []
    make_user(), make_user()

    def broken_too(orders):
        calls.append(orders)
        raise fault("secret detail")

    monkeypatch.setattr("orders.querysets.OrderQuerySet.newest_first", broken_too)
    response = Graph(staff).send("{ allUsers { edges { node { orders { id } } } } me { id } }")

    assert response.json()["data"] == {"allUsers": {"edges": [{"node": None}, None, None]}, "me": None}
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}
    assert "secret detail" not in response.content.decode()
    assert len(calls) == 1
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_fault_in_a_mutation_leaves_those_before_and_after(monkeypatch):
    monkeypatch.setattr("catalog.schema.delete_product", broken)

    data = (
        Graph(make_staff())
        .send(
            'mutation { a: createProduct(name: "A", price: 1) { product { name } } deleteProduct(id: 1) { ok } '
            'b: createProduct(name: "B", price: 1) { product { name } } }'
        )
        .json()["data"]
    )

    assert data == {"a": {"product": {"name": "A"}}, "deleteProduct": None, "b": {"product": {"name": "B"}}}
    assert Product.objects.count() == 2


def test_fault_outside_the_resolvers_is_500(monkeypatch, caplog):
    monkeypatch.setattr("core.protocols.graph.view.prepared", broken)

    response = Graph().post(HELLO)

    assert response.status_code == 500
    assert error_of(response) == {"message": "Internal server error", "code": "INTERNAL"}
    assert "secret detail" in caplog.text


def test_fault_outside_the_view_is_500_in_the_same_form(monkeypatch):
    monkeypatch.setattr("core.protocols.graph.view.GraphQLView.finalize_response", broken)

    response = Graph().post(HELLO)

    assert (response.status_code, error_of(response)["code"]) == (500, "INTERNAL")


def gone(*args, **kwargs):
    raise OperationalError("server closed the connection")


def test_database_that_fails_is_unavailable(monkeypatch):
    monkeypatch.setattr("catalog.querysets.ProductQuerySet.visible_to", gone)

    error = Graph().error("{ product(id: 1) { name } }")

    assert error == {"message": "The database is unavailable", "code": "UNAVAILABLE", "retry_after": 2}


def test_database_that_fails_before_the_document_is_503(monkeypatch):
    monkeypatch.setattr("core.rates.limits.spend_request", gone)

    response = Graph().post(HELLO)

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert error_of(response)["code"] == "UNAVAILABLE"


HINTS = [
    ("{ prodct(id: 1) { name } }", {}),
    ("{ product(id: 1) { nam } }", {}),
    ("{ product(idd: 1) { name } }", {}),
    ("{ me }", {}),
    ("query($a: Itn) { product(id: $a) { name } }", {}),
    ("query($a: OrderItemInptu) { __typename }", {}),
    ("mutation { placeOrder(items: [{productId: 1, quantity: 1, quantiti: 2}]) { ok } }", {}),
    (
        "mutation($i: [OrderItemInput!]!) { placeOrder(items: $i) { ok } }",
        {"i": [{"productId": 1, "quantity": 1, "quantiti": 2}]},
    ),
    ("{ __typename @skp(if: true) }", {}),
]


@pytest.mark.parametrize(("query", "variables"), HINTS)
def test_no_message_spells_the_schema_out(query, variables):
    response = Graph().send(query, variables)

    assert response.status_code == 400
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"INVALID_INPUT"}
    assert "Did you mean" not in response.content.decode()


@override_settings(DEBUG=True)
def test_developer_gets_the_hints():
    assert Graph().error("{ product(id: 1) { nam } }")["message"].endswith("Did you mean 'name'?")


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        (
            "query($id: Int!) { product(id: $id) { name } }",
            {"id": None},
            "Variable '$id' of non-null type 'Int!' must not be null.",
        ),
        (
            "query($id: Int) { product(id: $id) { name } }",
            {"id": True},
            "Variable '$id' got invalid value true; Int cannot represent non-integer value: true",
        ),
        (
            "mutation($i: OrderItemInput!) { placeOrder(items: [$i]) { ok } }",
            {"i": {"productId": None, "quantity": 1}},
            "Variable '$i' got invalid value null at 'i.productId'; Expected non-nullable type 'Int!' not to be null.",
        ),
        (
            "query($id: Int) { product(id: $id) { name } }",
            {"id": "\ud800"},
            'Variable \'$id\' got invalid value "\\ud800"; Int cannot represent non-integer value: "\\ud800"',
        ),
    ],
)
def test_variable_that_does_not_fit_is_named_in_the_words_of_json(query, variables, message):
    response = Graph().send(query, variables)

    assert response.status_code == 400
    assert error_of(response) == {"message": message, "code": "INVALID_INPUT"}


@pytest.mark.parametrize("text", ["\ud800", "\0", "x" * 201])
def test_text_that_no_database_holds_is_the_clients_fault(text):
    error = Graph().error("query($q: String!) { searchProducts(query: $q) { name } }", q=text)

    assert error["code"] == "INVALID_INPUT"
    assert list(error["fields"]) == ["query"]


def test_cost_is_told_with_the_answer(unlimited):
    response = Graph().send("{ allProducts(first: 7) { edges { node { name } } } }")

    assert response.json()["extensions"] == {"cost": {"requested": 8, "max": 50_000}}


def test_request_is_logged_without_what_it_says(caplog):
    caplog.set_level(logging.INFO)

    Graph().send('mutation { obtainToken(username: "ada", password: "secret-word") { access } }')

    assert "secret-word" not in caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=str)


def test_debug_is_off():
    assert settings.DEBUG is False
