"""What a caller is told of the budget: the same in every protocol, and the instant of Retry-After."""

import re
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from django.test import Client

from core.budgets import Budget, extension_of, rate_limit_fields
from core.rates import limits
from core.rates.limits import BudgetShares
from tests.support.api import Api
from tests.support.factories import make_product, make_user
from tests.support.graph import Graph
from tests.support.rpc import refusal_in

pytestmark = pytest.mark.django_db
MINUTE = 60 * 1_000_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> SimpleNamespace:
    """A clock that stands still, 15.5 s into a minute."""
    settings.RATE_LIMITS, settings.REDIS_URL = True, ""
    settings.RATE_ANONYMOUS_PER_MINUTE, settings.RATE_USER_PER_MINUTE = 5, 40
    clock = SimpleNamespace(time=lambda: MINUTE + 15.5)
    monkeypatch.setattr(limits, "time", clock)
    return clock


def left(response: Any) -> tuple[str, str]:
    return response["RateLimit-Policy"], response["RateLimit"]


# -- REST -------------------------------------------------------------------------------------------------------
def test_answer_says_what_is_left_and_until_when():
    answers = [Api().get("/products") for _ in range(6)]

    assert {answer["RateLimit-Policy"] for answer in answers} == {'"default";q=5;w=60'}
    assert [answer["RateLimit"] for answer in answers] == [f'"default";r={r};t=45' for r in (4, 3, 2, 1, 0, 0)]
    assert [answer.get("Retry-After") for answer in answers] == [None] * 5 + ["45"]


def test_refused_answers_say_it_too():
    api = Api()
    answers = [
        api.get("/products/0"),
        api.get("/nothing"),
        api.get("/orders"),
        api.get("/products", Authorization="Bearer x"),
        api.get("/products", Accept="text/html"),
        api.get("/products", Accept="text/html"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 401, 401, 406, 429]
    assert [answer["RateLimit"] for answer in answers] == [f'"default";r={r};t=45' for r in (4, 3, 2, 1, 0, 0)]


def test_304_says_it_too():
    product = make_product()
    tag = Api().get(f"/products/{product.pk}")["ETag"]

    response = Api().get(f"/products/{product.pk}", If_None_Match=tag)

    assert (response.status_code, response["RateLimit"]) == (304, '"default";r=3;t=45')


def test_budget_of_signing_in_is_named_when_it_is_the_one_that_is_spent(settings):
    settings.RATE_SIGN_IN_PER_MINUTE = 1
    body = {"username": "ada", "password": "wrong"}

    first, second = (Api().post("/auth/token", body) for _ in range(2))

    assert left(first) == ('"default";q=5;w=60', '"default";r=4;t=45')
    assert (second.status_code, second["Retry-After"]) == (429, "45")
    assert left(second) == (
        '"default";q=5;w=60, "sign-in";q=1;w=60',
        '"default";r=3;t=45, "sign-in";r=0;t=45',
    )


def test_answer_that_others_may_be_given_does_not_say_it(settings):
    settings.CACHE_PUBLIC_S = 60

    public, refused, private = Api().get("/products"), Api().get("/products/0"), Api(make_user()).get("/products")

    assert "RateLimit" not in public
    assert "RateLimit-Policy" not in public
    assert left(refused) == ('"default";q=5;w=60', '"default";r=3;t=45')
    assert left(private) == ('"default";q=40;w=60', '"default";r=39;t=45')


def test_limits_that_are_off_say_nothing(settings):
    settings.RATE_LIMITS = False

    response = Api().get("/products")

    assert not {"RateLimit", "RateLimit-Policy"} & {*response.headers}


def test_fields_are_structured_fields():
    text = rate_limit_fields(Budget("default", 600, 599, 0, 45), None, Budget("sign-in", 20, 0, 0, 45))

    item = r'"[a-z-]+"(;[a-z]+=\d+){2}'
    assert all(re.fullmatch(rf"{item}(, {item})*", value) for value in text.values())
    assert rate_limit_fields(None, None) == {}


# -- GraphQL ----------------------------------------------------------------------------------------------------
def told(remaining: int) -> dict[str, Any]:
    return {"limit": 5, "remaining": remaining, "resetAt": "1971-11-26T10:41:00Z", "resetIn": 45}


def test_graphql_says_it_in_its_extensions_and_in_the_fields():
    graph = Graph()
    answers = [graph.send("{allProducts {totalCount}}"), graph.send("{nothing}"), graph.post("{")]
    answers += [graph.send("{allProducts {totalCount}}") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 400, 400, 200, 200, 429]
    assert [answer.json()["extensions"]["rateLimit"] for answer in answers] == [told(r) for r in (4, 3, 2, 1, 0, 0)]
    assert [answer["RateLimit"] for answer in answers] == [f'"default";r={r};t=45' for r in (4, 3, 2, 1, 0, 0)]
    assert answers[-1]["Retry-After"] == "45"


def test_extension_of_nothing_is_nothing(settings):
    settings.RATE_LIMITS = False

    assert extension_of(None) == {}
    assert set(Graph().send("{allProducts {totalCount}}").json()["extensions"]) == {"cost"}


# -- gRPC -------------------------------------------------------------------------------------------------------
def trailing(rpc: Any, name: str, **fields: Any) -> tuple[str, str]:
    """Return what the trailing metadata of a call says, refused or not."""
    try:
        metadata = rpc.sent(name, None, **fields)[1]
    except grpc.RpcError as refused:
        metadata = dict(refused.trailing_metadata())
    return metadata["ratelimit-policy"], metadata["ratelimit"]


def test_grpc_says_it_in_its_trailing_metadata(rpc):
    product, client = make_product(), rpc()

    answers = [trailing(client, "GetProduct", id=pk) for pk in (product.pk, 0, product.pk, product.pk, product.pk)]
    refusal = client.refusal("GetProduct", id=product.pk)

    assert {policy for policy, _ in answers} == {'"default";q=5;w=60'}
    assert [state for _, state in answers] == [f'"default";r={r};t=45' for r in (4, 3, 2, 1, 0)]
    assert (refusal.code, refusal.retry_after_s) == ("RESOURCE_EXHAUSTED", 45)
    assert trailing(client, "GetProduct", id=product.pk)[1] == '"default";r=0;t=45'


def test_grpc_names_the_address_of_a_bad_token_and_the_user_of_a_good_one(rpc):
    assert trailing(rpc(token="x"), "GetMe") == ('"default";q=5;w=60', '"default";r=4;t=45')
    assert trailing(rpc(make_user()), "GetMe") == ('"default";q=40;w=60', '"default";r=39;t=45')


def test_budget_is_one_over_all_three(rpc):
    product = make_product()

    seen = [
        Api().get("/products")["RateLimit"],
        Graph().send("{allProducts {totalCount}}")["RateLimit"],
        trailing(rpc(), "GetProduct", id=product.pk)[1],
        Api(base="/api/v2").get("/products")["RateLimit"],
    ]

    assert seen == [f'"default";r={r};t=45' for r in (4, 3, 2, 1)]


# -- Addresses --------------------------------------------------------------------------------------------------
def test_every_protocol_counts_an_ipv6_client_by_its_64(rpc, settings):
    settings.FORWARDED_ALLOW_IPS = "127.0.0.1"
    product = make_product()
    path, document = f"/api/v1/products/{product.pk}", {"query": "{allProducts {totalCount}}"}

    def over_http(address: str) -> list[Any]:
        client = Client(REMOTE_ADDR=address)
        return [client.get(path), client.post("/graphql", document, content_type="application/json")]

    def over_grpc(address: str) -> dict[str, str]:
        return rpc().sent("GetProduct", {"x-forwarded-for": address}, id=product.pk)[1]

    seen = [answer["RateLimit"] for answer in over_http("2001:db8:1:2::1") + over_http("2001:db8:1:2:f::9")]
    seen += [over_grpc(address)["ratelimit"] for address in ("2001:db8:1:2::5", "2001:db8:1:3::5")]

    assert seen == [f'"default";r={r};t=45' for r in (4, 3, 2, 1, 0, 4)]


def test_grpc_callers_behind_a_trusted_proxy_have_budgets_of_their_own(rpc, settings):
    settings.FORWARDED_ALLOW_IPS = "127.0.0.0/8"
    product, proxy = make_product(), rpc()

    def remaining(forwarded_for: str) -> str:
        return proxy.sent("GetProduct", {"x-forwarded-for": forwarded_for}, id=product.pk)[1]["ratelimit"]

    assert {remaining(f"198.51.100.1, 203.0.113.{n}") for n in range(7)} == {'"default";r=4;t=45'}
    assert remaining("198.51.100.99, 203.0.113.0, 127.0.0.9") == '"default";r=3;t=45'


@pytest.mark.parametrize("trusted", ["", "203.0.113.1", "10.0.0.0/8"])
def test_grpc_believes_no_other_caller_about_its_address(rpc, settings, trusted):
    settings.FORWARDED_ALLOW_IPS = trusted
    product, client = make_product(), rpc()

    seen = [
        client.sent("GetProduct", {"x-forwarded-for": f"203.0.113.{n}"}, id=product.pk)[1]["ratelimit"]
        for n in range(3)
    ]

    assert seen == [f'"default";r={r};t=45' for r in (4, 3, 2)]


@pytest.mark.parametrize("way", ["REST", "GraphQL", "gRPC"])
def test_wrong_tries_from_one_address_do_not_lock_the_owner_out(rpc, settings, way):
    settings.RATE_SIGN_IN_PER_MINUTE, settings.RATE_SIGN_IN_NAME_PER_MINUTE = 3, 5
    settings.RATE_ANONYMOUS_PER_MINUTE = 100
    settings.FORWARDED_ALLOW_IPS = "127.0.0.1"
    make_user(username="ada", password="correct horse battery")
    mutation = 'mutation { obtainToken(username: "ada", password: "%s") { access } }'

    def code_of(address: str, password: str) -> str:
        fields = {"username": "ada", "password": password}
        match way:
            case "REST":
                client = Client(REMOTE_ADDR=address)
                return client.post("/api/v1/auth/token", fields, content_type="application/json").json().get("code")
            case "GraphQL":
                document = {"query": mutation % password}
                answer = Client(REMOTE_ADDR=address).post("/graphql", document, content_type="application/json").json()
                return answer["errors"][0]["extensions"]["code"].lower() if "errors" in answer else None
        try:
            rpc().call("ObtainToken", metadata={"x-forwarded-for": address}, **fields)
        except grpc.RpcError as refused:
            return refusal_in(refused).reason
        return None

    guesser = [code_of("192.0.2.1", "wrong") for _ in range(20)]
    owner = code_of("192.0.2.2", "correct horse battery")
    others = [code_of(f"192.0.2.{n}", "wrong") for n in range(3, 7)]

    assert guesser == ["unauthenticated"] * 3 + ["rate_limited"] * 17
    assert owner is None
    assert others == ["unauthenticated"] + ["rate_limited"] * 3


# -- Several processes ------------------------------------------------------------------------------------------
def test_what_is_left_is_right_again_at_the_next_draw_and_after_a_second(runtime, settings, clock):
    settings.RATE_ANONYMOUS_PER_MINUTE = 100  # drawn by fives
    ours, others = BudgetShares(), BudgetShares()

    def remaining(shares: BudgetShares, times: int) -> list[int]:
        runtime.put(BudgetShares, shares)
        spent = [limits.spend_request(user_id=None, address="192.0.2.1") for _ in range(times)]
        return [budget.remaining for budget in spent if budget]

    assert remaining(ours, 1) == [99]
    assert remaining(others, 10) == [94, 93, 92, 91, 90, 89, 88, 87, 86, 85]  # four are with the first
    assert remaining(ours, 5) == [98, 97, 96, 95, 84]
    assert remaining(others, 1) == [79]
    assert remaining(ours, 1) == [83]  # five more are drawn than it has seen
    clock.time = lambda: MINUTE + 16.6
    assert remaining(ours, 2) == [77, 76]
