"""The fast path of /graphql answers as the ordinary path does, and leaves to it all that is unusual."""

import json
from typing import Any

import pytest

from core.protocols.graph.plans.fast_path import MAX_PLAIN_BYTES
from core.protocols.graph.plans.plan_cache import PlanCache
from core.runtime import singleton
from core.server.bridge.fast_path import ORDINARY
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.fast_path import answered, comparable, on_fast_path, remaining_in, response_of, scope_of

pytestmark = pytest.mark.django_db
LIST = "query($f:Int){allProducts(first:$f){totalCount edges{cursor node{pk sku name price stock createdAt}}}}"
TREE = "query($i:Int){user(id:$i){pk username email orders{pk status total items{pk unitPrice product{pk name}}}}}"
PRODUCT = "query($i:Int){product(id:$i){id name description updatedAt}}"
ACCEPTED_BY_CLIENTS = (
    "application/graphql-response+json, application/json",  # graphql-request
    "application/graphql-response+json,application/json;q=0.9",  # Apollo Client
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
)
QUERIES = {LIST: "f", TREE: "i", PRODUCT: "i"}


@pytest.fixture
def customer() -> Any:
    made = make_user(username="customer")
    make_staff(username="staff")
    for _ in range(3):
        make_order(made, {make_product(name="Zoë's 🫖 <cup>"): 2, make_product(): 1})
    return made


@pytest.fixture
def unbounded(settings) -> None:
    settings.RATE_LIMITS = False  # or the remaining budget in `extensions` differs between two requests


def body_of(query: str, value: Any, **more: Any) -> bytes:
    return json.dumps({"query": query, "variables": {QUERIES[query]: value}, **more}).encode()


def posted(caller: str = "stranger", **headers: str) -> dict[str, Any]:
    return scope_of("/graphql", caller, "POST", **{"content_type": "application/json"} | headers)


def make_plan(query: str) -> None:
    for _ in range(2):
        answered(posted(), body_of(query, 1))
    assert singleton(PlanCache).get(query, None) is not None


@pytest.mark.parametrize("caller", ["stranger", "customer", "staff"])
@pytest.mark.parametrize("accept", ["", "*/*", "application/json", *ACCEPTED_BY_CLIENTS])
@pytest.mark.parametrize("query", QUERIES)
def test_fast_path_answers_as_the_ordinary_path(customer, unbounded, query, accept, caller):
    make_plan(query)
    scope, body = posted(caller, **{"accept": accept} if accept else {}), body_of(query, customer.pk)

    found, expected = on_fast_path(scope, body).response, answered(scope, body)

    assert (found is not None) == (b"errors" not in expected.body)
    if found is not None:
        assert comparable(found) == comparable(expected)


def test_fast_path_and_graphql_core_answer_the_same(customer, unbounded):
    scope, body = posted("staff"), body_of(TREE, customer.pk)
    expected = answered(scope, body)
    make_plan(TREE)

    found = response_of(scope, body)

    assert comparable(found) == comparable(expected)
    assert len(json.loads(found.body)["data"]["user"]["orders"]) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "sessionid=1"},
        {"accept": "text/event-stream"},
        {"accept": "text/html"},
        {"content_type": "text/plain"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_encoding": "gzip"},
        {"host": "other.example"},
        {"authorization": "Bearer nonsense"},
    ],
)
def test_request_with_a_header_for_the_view_takes_the_ordinary_path(customer, settings, headers):
    settings.ALLOWED_HOSTS = ["testserver"]
    make_plan(LIST)

    assert on_fast_path(posted(**headers), body_of(LIST, 2)) == ORDINARY


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"query": 1}',
        b'{"query": "{ me", "query": "{ me"}',
        body_of(LIST, 2, operationName="Other"),
        body_of(LIST, 2, extensions=[]),
        body_of(PRODUCT, 2),
        body_of(LIST, 2, padding="x" * MAX_PLAIN_BYTES),
    ],
)
def test_other_bodies_take_the_ordinary_path_uncounted(customer, body):
    make_plan(LIST)

    assert on_fast_path(posted(), body) == ORDINARY


def test_fast_path_answers_only_posts(customer):
    make_plan(LIST)

    assert on_fast_path({**posted(), "method": "GET"}, body_of(LIST, 2)) == ORDINARY


@pytest.mark.parametrize("value", [101, "2", -1])
def test_refused_requests_are_counted_once(customer, settings, value):
    settings.RATE_USER_PER_MINUTE = 1_000
    make_plan(LIST)
    plain = posted("customer")
    before = remaining_in(response_of(plain, body_of(LIST, 2)))

    refusal = answered(plain, body_of(LIST, value), on_fast_path(plain, body_of(LIST, value)))

    assert remaining_in(refusal) == before - 1
    after = response_of(plain, body_of(LIST, 2))
    assert remaining_in(after) == before - 2
    assert json.loads(after.body)["extensions"]["rateLimit"]["remaining"] == before - 2


def test_request_over_the_budget_is_refused(customer, settings):
    make_plan(LIST)
    settings.RATE_USER_PER_MINUTE = 2

    found = [on_fast_path(posted("customer"), body_of(LIST, 2)).response for _ in range(3)]

    assert [each is not None for each in found] == [True, True, False]
    assert answered(posted("customer"), body_of(LIST, 2)).status == 429


def test_request_is_logged_with_its_id(customer, caplog):
    make_plan(LIST)
    caplog.clear()
    caplog.set_level("INFO", "ecommerce.request")

    found = response_of(posted(x_request_id="abcdefgh-1"), body_of(LIST, 2))

    (line,) = caplog.records
    assert (line.method, line.path, line.status, line.address) == ("POST", "/graphql", 200, "192.0.2.7")
    assert dict(found.headers)[b"x-request-id"] == b"abcdefgh-1"
