"""What /graphql refuses: each within moments, with a code, and with no SQL but the caller's look-up and budget."""

import time

import pytest
from django.test import override_settings
from graphql import get_introspection_query

from core.protocols.graph import documents, execution
from orders.models import Order
from tests.core.protocols.graph.abuse import ABUSE, ALLOWED, SIGN_IN, many, nested
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.graph import Graph, error_of, statements

pytestmark = pytest.mark.django_db
MAX_CPU_S = 0.5  # 50 ms in a quiet process; here the garbage collector walks what all tests hold


@pytest.mark.parametrize("name", ABUSE)
def test_abuse_is_refused_at_once_with_a_code_and_without_sql(name, settings):
    document, code, message = ABUSE[name]
    graph = Graph(make_user())
    body = document[0] if isinstance(document, list) else {"query": document}
    graph.send("{ __typename }")

    with statements() as sql:
        start = time.thread_time()
        response = graph.post(body)
        seconds = time.thread_time() - start

    errors = response.json()["errors"]
    assert {error["extensions"]["code"] for error in errors} == {code}
    assert message is None or message in errors[0]["message"]
    assert response.status_code == (413 if code == "TOO_LARGE" else 400)
    assert "data" not in response.json()
    assert all('FROM "accounts_user"' in text or "ratecounter" in text for text in sql), sql
    assert seconds < MAX_CPU_S
    assert len(response.content) < 20_000


def test_documents_are_kept_when_they_are_valid_and_no_more_than_so_many():
    documents.prepared.cache_clear()

    for query in (
        "{ nothing }",
        "{",
        "{ a: b: }",
        "{" + many(16, "a#: __typename") + "}",
        "{ __typename }",
        "{ __typename }",
    ):
        Graph().send(query)

    kept = documents.prepared.cache_info()
    assert (kept.currsize, kept.hits, kept.maxsize) == (1, 1, 128)


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict.fromkeys(
            (
                "descriptions",
                "specified_by_url",
                "directive_is_repeatable",
                "schema_description",
                "input_value_deprecation",
            ),
            True,
        ),
        {"descriptions": False, "input_value_deprecation": True},
    ],
)
def test_introspection_as_tools_ask_for_it_passes(options):
    data = Graph().data(get_introspection_query(**options))

    assert {"User", "Product", "Order", "OrderItem"} <= {kind["name"] for kind in data["__schema"]["types"]}


def test_introspection_of_graphiql_passes():
    """As GraphiQL 3 sends it: 15 deep."""
    of_type = nested(9, "ofType { kind name ", "} ", "")
    query = (
        "query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name } "
        "types { ...FullType } directives { name description locations "
        "args(includeDeprecated: true) { ...InputValue } } } } "
        "fragment FullType on __Type { kind name description fields(includeDeprecated: true) { name description "
        "args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } "
        "inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } "
        "enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } "
        "possibleTypes { ...TypeRef } } "
        "fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated "
        "deprecationReason } fragment TypeRef on __Type { kind name " + of_type + "}"
    )

    assert Graph().data(query)["__schema"]["queryType"] == {"name": "Query"}


@pytest.mark.parametrize("name", ALLOWED)
def test_worst_that_is_allowed_is_answered_within_moments(name):
    documents.prepared.cache_clear()

    start = time.thread_time()
    response = Graph().send(ALLOWED[name])
    seconds = time.thread_time() - start

    assert response.status_code == 200, response.content
    assert "data" in response.json()
    assert seconds < MAX_CPU_S


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ __typename }", 0),
        ("{ product(id: 1) { id } }", 1),
        ('{ searchProducts(query: "x") { id } }', 100),
        ("{ allProducts { totalCount } }", 1),
        ("{ allProducts(first: 7) { edges { node { id } } } }", 8),
        ("{ allProducts { edges { node { id } } } }", 101),
        ("query($n: Int = 3) { allProducts(last: $n) { edges { node { id } } } }", 4),
        ("{ allUsers(first: 100) { edges { node { orders { items { product { id } } } } } } }", 21_101),
        ("{ allUsers(first: 2) { edges { node { ordersConnection(first: 3) { edges { node { id } } } } } } }", 11),
        ("{ me { ...a b: orders { id } } } fragment a on User { orders { id } }", 1 + 10 + 10),
        ('{ node(id: "x") { ... on User { orders { id } } ... on Product { name } } }', 1 + 10),
    ],
)
def test_cost_counts_rows_and_pages(query, expected):
    extensions = Graph().send(query).json()["extensions"]

    assert extensions["cost"] == {"requested": expected, "max": 50_000}


def test_list_that_is_longer_than_it_was_taken_for_ends_the_answer(monkeypatch, unlimited):
    user, product = make_user(), make_product(stock=1000)
    for _ in range(30):
        make_order(user, {product: 1})
    monkeypatch.setattr(execution, "MAX_VALUES", 500)

    response = Graph(user).send("{ me { orders { user { orders { id } } } } allProducts { totalCount } }")

    body = response.json()
    assert body["data"] == {"me": None, "allProducts": None}
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TOO_COMPLEX"}
    assert body["errors"][0]["message"] == "The result is too large: values max is 500"


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("{ allProducts(first: 1000000) { totalCount } }", {}, "first max is 100"),
        ("{ allProducts(last: 101) { totalCount } }", {}, "last max is 100"),
        ("{ allProducts(first: -1) { totalCount } }", {}, "first must not be negative"),
        ("query($n: Int = 101) { allProducts(first: $n) { totalCount } }", {}, "first max is 100"),
        *(
            ("query($n: Int) { allProducts(first: $n) { totalCount } }", {"n": size}, "first max is 100")
            for size in (101, 1_000_000, 1e6)
        ),
    ],
)
def test_page_size_out_of_bounds_is_refused_by_its_field_without_sql(query, variables, message, unlimited):
    with statements() as sql:
        response = Graph().send(query, variables)

    name = message.partition(" ")[0]
    facts = {"message": message, "code": "INVALID_INPUT", "fields": {name: message}}
    assert (response.json()["data"], error_of(response), sql) == ({"allProducts": None}, facts, [])


def test_page_size_is_refused_to_those_who_may_ask(unlimited):
    sizes, nested = "{ allUsers(first: 101) { totalCount } }", "{ me { ordersConnection(first: 101) { totalCount } } }"

    codes = [[Graph(user).code(query) for user in (None, make_user(), make_staff())] for query in (sizes, nested)]

    assert codes == [
        ["UNAUTHENTICATED", "FORBIDDEN", "INVALID_INPUT"],
        ["UNAUTHENTICATED", "INVALID_INPUT", "INVALID_INPUT"],
    ]


@override_settings(RATE_LIMITS=True, RATE_SIGN_IN_PER_MINUTE=12)
def test_ten_sign_ins_in_one_document_count_as_ten_tries():
    make_user(username="ada", password="right")
    ten = "mutation {" + many(10, f"a#: {SIGN_IN}") + "}"

    codes = [error["extensions"]["code"] for error in Graph().send(ten).json()["errors"]]
    more = [error["extensions"]["code"] for error in Graph().send(ten).json()["errors"]]

    assert codes == ["UNAUTHENTICATED"] * 10
    assert more == ["UNAUTHENTICATED"] * 2 + ["RATE_LIMITED"] * 8
    assert Api().post("/auth/token", {"username": "ada", "password": "right"}).status_code == 429


@override_settings(RATE_LIMITS=True, RATE_ANONYMOUS_PER_MINUTE=3)
def test_refused_document_costs_one_request():
    answers = [Graph().send(ABUSE[name][0]) for name in ("circular, 40 deep", "16 aliases", "first: 1.5")]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert error_of(Graph().send("{ __typename }"))["code"] == "RATE_LIMITED"


@override_settings(RATE_LIMITS=True, RATE_ANONYMOUS_PER_MINUTE=10)
def test_document_costs_one_request_however_many_fields_it_has():
    answers = [Graph().send("{" + many(15, "a#: __typename") + "}").status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]


def test_mutations_beyond_ten_change_nothing():
    staff = make_staff()
    order = make_order()

    error = Graph(staff).error("mutation {" + many(11, f"a#: payOrder(id: {order.pk}) {{ ok }}") + "}")

    assert error["code"] == "TOO_COMPLEX"
    assert Order.objects.get().status == "pending"
