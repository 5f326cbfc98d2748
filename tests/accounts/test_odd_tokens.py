"""Well-signed tokens with odd claims, and odd tokens of strangers: each is refused as invalid, in every protocol."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from django.conf import settings
from jwt.api_jws import PyJWS
from websockets.exceptions import InvalidStatus

from accounts.errors import InvalidToken
from accounts.models import TokenFamily, User
from accounts.tokens import _pair, _refresh_token, revoke_tokens, rotate_tokens, start_family, user_of
from tests.support.api import Api
from tests.support.connect import WebShop
from tests.support.factories import make_user
from tests.support.graph import Graph, error_of
from tests.support.rpc import Clients, end_of
from tests.support.sockets import graph_socket, socket_client

NESTED = {"a": [{"b": [None, {"c": 1}]}]}
HUGE = 10**400
MISSING = object()

# The claims that differ from those of a good token.
ODD: dict[str, dict[str, Any]] = {
    **{f"exp is {value!r:.20}": {"exp": value} for value in (None, [], NESTED, "", "x", True, -1, 0, 1.5, HUGE, -HUGE)},
    "exp is a text": {"exp": str(int(time.time()) + 900)},
    "exp is a list": {"exp": [int(time.time()) + 900]},
    "exp is after the year 9999": {"exp": 253_402_300_800},
    "exp is the largest of 64 bits": {"exp": 2**63 - 1},
    "exp is infinite": {"exp": float("inf")},
    "exp is no number": {"exp": float("nan")},
    "exp is missing": {"exp": MISSING},
    **{f"iat is {value!r:.20}": {"iat": value} for value in (None, [], NESTED, "", "x", True, HUGE, float("nan"))},
    **{f"nbf is {value!r:.20}": {"nbf": value} for value in (None, [], NESTED, "x", HUGE, float("inf"))},
    "nbf is in an hour": {"nbf": int(time.time()) + 3600},
    **{f"jti is {value!r:.20}": {"jti": value} for value in (None, 5, True, [], NESTED, HUGE, "\x00", "a\ud800")},
    "jti is missing": {"jti": MISSING},
    **{f"type is {value!r:.20}": {"token_type": value} for value in (None, 5, [], ["access"], NESTED, "x", MISSING)},
    **{
        f"user is {value!r:.20}": {"user_id": value}
        for value in (None, [], [1], {}, NESTED, True, False, -1, 0, 1.0, 1.5, 2**31, 2**63, HUGE, str(HUGE))
    },
    **{
        f"user is {value!a:.20}": {"user_id": value}
        for value in ("", " 1", "1 ", "+1", "1_0", "1.0", "0x1", "\u0661", "x")
    },
    **{f"user is {value!a:.20}": {"user_id": value} for value in ("1\x00", "\ud800", "9" * 5_000, MISSING)},
    **{f"mark is {value!r:.20}": {"pw": value} for value in (None, 5, [], NESTED, True, "", "x" * 5_000, MISSING)},
    "sub is a list": {"sub": []},
}
# The first part of a token is read before its signature is checked, so a stranger can send any.
HEADS = {
    "a deep list": "[" * 2_500,
    "deep objects": '{"a":' * 1_200,
    "an open list": "[",
    "a number": "1",
    "a huge number": "1" * 3_000,
    "null": "null",
    "no JSON": "{",
    "not UTF-8": "\xff\xfe",
    "no algorithm": "{}",
    "algorithm is a list": '{"alg":["HS256"]}',
    "algorithm is an object": '{"alg":{"a":1}}',
    "algorithm is null": '{"alg":null}',
    "key id is a list": '{"alg":"HS256","kid":[1]}',
    "critical is a number": '{"alg":"HS256","crit":5}',
    "not detached": '{"alg":"HS256","b64":false,"crit":["b64"]}',
}
ODD_NAMES = [*ODD, *HEADS, "claims are a list", "claims are deep"]
SAMPLE = [
    "exp is a text",
    "exp is None",
    "exp is after the year 9999",
    "iat is 'x'",
    "jti is None",
    "user is [1]",
    f"user is {HUGE!r:.20}",
    "mark is []",
    "a deep list",
    "claims are deep",
]


def good_claims(user: User, kind: str) -> dict[str, Any]:
    token = _refresh_token(user)
    family = start_family(user=user, jti=token["jti"], expires_at=user.created_at)
    pair = _pair(token, family.id)
    return jwt.decode(getattr(pair, kind), options={"verify_signature": False})


def signed(claims: bytes) -> str:
    return PyJWS().encode(claims, settings.SECRET_KEY, algorithm="HS256")


def odd_token(name: str, claims: dict[str, Any]) -> str:
    """Return a token whose claims are those of a good one, but for what `name` says."""
    if name == "claims are deep":
        return signed(b"[" * 1_400 + b"]" * 1_400)
    if name == "claims are a list":
        return signed(b"[1]")
    if name in HEADS:
        body = signed(b"{}").partition(".")[2]
        return base64.urlsafe_b64encode(HEADS[name].encode("latin-1")).decode().rstrip("=") + "." + body
    changed = {key: value for key, value in {**claims, **ODD[name]}.items() if value is not MISSING}
    return signed(json.dumps(changed).encode())


@pytest.fixture
def user(db: None) -> User:
    return make_user(username="ada", password="correct horse battery")


# -- In the test's own process ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_token_is_invalid_and_ends_nothing(user: User, name: str) -> None:
    access, refresh = (odd_token(name, good_claims(user, kind)) for kind in ("access", "refresh"))
    uses: list[Callable[[], Any]] = [lambda: user_of(access), lambda: rotate_tokens(refresh=refresh)]
    if not name.startswith(("user", "mark")):  # to sign out, the family alone is asked for
        uses.append(lambda: revoke_tokens(refresh=refresh))

    for use in uses:
        with pytest.raises(InvalidToken) as refusal:
            use()
        assert (refusal.value.status, refusal.value.message) == (401, "Invalid token")

    assert set(TokenFamily.objects.values_list("ended_at", flat=True)) == {None}


@pytest.mark.parametrize("name", SAMPLE)
def test_odd_token_gets_the_same_answer_in_every_protocol(user: User, rpc: Clients, name: str) -> None:
    access, refresh = (odd_token(name, good_claims(user, kind)) for kind in ("access", "refresh"))
    bearer = f"Bearer {access}"
    mutation = "mutation($token: String!) { refreshToken(refresh: $token) { access } }"

    rest = [
        Api().get("/users/me", Authorization=bearer),
        Api().get("/products", Authorization=bearer),
        Api().post("/auth/token/refresh", {"refresh": refresh}),
    ]
    graphql = [
        error_of(Graph().send("{ me { pk } }", Authorization=bearer)),
        Graph().error(mutation, token=refresh),
    ]
    grpc = [
        rpc(token=access).refusal("GetMe"),
        rpc(token=access).refusal("GetProduct", id=1),
        rpc().refusal("RefreshToken", refresh=refresh),
    ]

    assert {(answer.status_code, answer.json()["error"]) for answer in rest} == {(401, "Invalid token")}
    assert {(error["code"], error["message"]) for error in graphql} == {("UNAUTHENTICATED", "Invalid token")}
    assert {(refusal.code, refusal.message) for refusal in grpc} == {("UNAUTHENTICATED", "Invalid token")}


@pytest.mark.parametrize("ahead_s", [2, 30, 3600, 2.5])
def test_token_from_a_clock_that_is_ahead_is_valid(user: User, ahead_s: float) -> None:
    claims = good_claims(user, "access")

    token = signed(json.dumps(claims | {"iat": claims["iat"] + ahead_s}).encode())

    assert user_of(token) == user
    assert Api().get("/users/me", Authorization=f"Bearer {token}").json()["id"] == user.pk


@pytest.mark.parametrize("past_s", [0, 1, 30])
def test_expired_token_has_no_grace(user: User, past_s: int) -> None:
    claims = good_claims(user, "access") | {"exp": int(time.time()) - past_s}
    token = signed(json.dumps(claims).encode())

    with pytest.raises(InvalidToken):
        user_of(token)


# -- Over real sockets ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def odd_tokens(web_shop: WebShop) -> dict[str, str]:
    with web_shop.database():
        claims = good_claims(make_user(password="correct horse battery"), "access")
    return {name: odd_token(name, claims) for name in SAMPLE}


@pytest.mark.parametrize("name", SAMPLE)
def test_no_stream_takes_an_odd_token(web_shop: WebShop, odd_tokens: dict[str, str], name: str) -> None:
    token = odd_tokens[name]
    bearer = {"Authorization": f"Bearer {token}"}
    events = httpx.get(f"{web_shop.web.url}/api/v1/products/events", headers=bearer | {"Accept": "text/event-stream"})
    query = {"query": "subscription { productUpdated { kind } }"}
    subscription = httpx.post(
        f"{web_shop.web.url}/graphql", json=query, headers=bearer | {"Accept": "text/event-stream"}
    )
    unary = httpx.post(f"{web_shop.web.url}/ecommerce.AccountService/GetMe", json={}, headers=bearer)
    with pytest.raises(InvalidStatus) as prices, socket_client(web_shop.web.url, "/ws/prices", token):
        raise AssertionError("It was let in")
    with graph_socket(web_shop.web.url, acknowledge=False) as client:
        client.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        graphql = client.closed()
    with socket_client(web_shop.web.url, "/ws/prices") as client:
        client.receive()
        client.send({"authorization": f"Bearer {token}"})
        renewed = client.receive()
    watching = end_of(web_shop.client(token=token).open("WatchProducts", id=0))
    live = end_of(web_shop.client(token=token).open("LivePriceUpdates", iter(())))

    assert (events.status_code, events.json()["error"]) == (401, "Invalid token")
    assert "UNAUTHENTICATED" in subscription.text
    assert (unary.status_code, unary.json()["code"]) == (401, "unauthenticated")
    assert prices.value.response.status_code == 401
    assert graphql == (4403, "Forbidden: Invalid token")
    assert renewed["error_code"] == "unauthenticated"
    assert (watching.code, live.code) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    assert "Traceback" not in web_shop.web.log
