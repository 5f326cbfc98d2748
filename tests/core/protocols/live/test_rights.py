"""Open streams end when their callers lose the right to them: in every transport, and before the next event."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.utils import timezone
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from accounts.actions import end_family, start_family
from accounts.models import TokenFamily, User
from accounts.tokens import _pair, _refresh_token, identity_of
from core.callers import Caller, present_users
from core.errors import DomainError, Unavailable
from core.protocols.live import rights as live_rights
from core.server.rights import Rights
from tests.support.api import access_token, brief_token
from tests.support.connect import STREAM_WAYS, Refused, WebClient, WebShop
from tests.support.events import listening
from tests.support.factories import make_order, make_product, make_user
from tests.support.graph import statements
from tests.support.rpc import TIMEOUT_S, end_of
from tests.support.sockets import ORDERS, PRODUCTS, graph_socket, position_in, socket_client

EVENTS = {"Accept": "text/event-stream"}
ENDED = "The token is no longer valid: sign in again"
LOST = "The caller has lost the right to this stream"
GAINED = "The caller has gained rights: open the stream again to use them"
SOON_S = 20  # a check comes every half second; the rest is for a machine that is busy


@pytest.fixture(scope="module")
def shop(web_shop) -> WebShop:
    return web_shop


def make_person(shop: WebShop, **fields: Any) -> User:
    with shop.database():
        return make_user(password="a-long-password", **fields)


def signed_in(shop: WebShop, user: User) -> str:
    """Return an access token that belongs to a sign-in."""
    with shop.database():
        return token_of_sign_in(user)


def token_of_sign_in(user: User) -> str:
    refresh = _refresh_token(user)
    family = start_family(user=user, jti=refresh["jti"], expires_at=timezone.now() + timedelta(days=1))
    return _pair(refresh, family.pk).access


# -- Sign-ins that end ------------------------------------------------------------------------------------------


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def set_another_password(user: User) -> None:
    user.set_password("another-long-password")
    user.save(update_fields=["password"])


def revoke(user: User) -> None:
    end_family(family_id=TokenFamily.objects.get(user=user).pk)


def delete(user: User) -> None:
    user.delete()


Ends = dict[str, Callable[[], Any]]


@pytest.fixture
def opened(shop: WebShop) -> Iterator[Callable[[str], Ends]]:
    """Open a stream of every kind with a token; each value of what is returned reads the stream to its end."""
    with ExitStack() as stack:
        yield lambda token: _opened(shop, token, stack)


def _opened(shop: WebShop, token: str, stack: ExitStack) -> Ends:
    url, enter = shop.web.url, stack.enter_context
    events = enter(listening())(f"{url}/api/v1/products/events", token=token)
    prices = enter(socket_client(url, "/ws/prices", token))
    assert "cursor" in prices.receive()
    graph = enter(graph_socket(url, token=token))
    graph.subscribe("products", PRODUCTS % "kind")
    graph.subscribe("orders", ORDERS % "kind")
    client = shop.client(token=token)
    calls = {name: client.open(name, requests=requests()) for name, requests in RPC.items()}
    ends: Ends = {
        "events": lambda: _end_of_events(events),
        "/ws/prices": prices.closed,
        "/graphql": graph.closed,
        "GraphQL events": _graphql_events(url, token, enter),
    }
    ends |= {name: lambda call=call: end_of(call)[:3] for name, call in calls.items()}
    for way in STREAM_WAYS:
        stream = enter(WebClient(url, token=token, way=way).open("WatchProducts"))
        ends[way] = lambda stream=stream: _end_of_web(stream)
    return ends


RPC: dict[str, Callable[[], Any]] = {
    "WatchProducts": lambda: None,
    "LivePriceUpdates": lambda: iter(SimpleQueue().get, None),  # a client that sends nothing
}


def _end_of_events(client: Any) -> tuple[str, str]:
    client.wait_for_end()
    return client.blocks[-1].event, client.blocks[-1].data["code"]


def _graphql_events(url: str, token: str, enter: Callable[..., Any], query: str = ORDERS % "kind") -> Callable[[], Any]:
    headers = EVENTS | {"Authorization": f"Bearer {token}"}
    answer = enter(httpx.stream("POST", f"{url}/graphql", json={"query": query}, headers=headers, timeout=30))
    lines = answer.iter_lines()
    assert next(lines) == ":"
    return lambda: _results_in(lines)


def _results_in(lines: Iterator[str]) -> list[str]:
    """Return the code of each result that is an error, and anything else as it is."""
    told = [line for line in lines if line and not line.startswith(":")]
    assert told[-2:] == ["event: complete", "data:"]
    found = [json.loads(line.removeprefix("data: ")) for line in told[:-2] if line.startswith("data: ")]
    return [result["errors"][0]["extensions"]["code"] if "errors" in result else result for result in found]


def _end_of_web(stream: Any) -> tuple[str, str, str]:
    with pytest.raises(Refused) as refused:
        list(stream.messages)
    return refused.value.args[0][:3]


@pytest.mark.parametrize("lose", [deactivate, set_another_password, revoke, delete])
def test_every_stream_ends_with_the_sign_in_of_its_caller(shop, opened, lose):
    user = make_person(shop)
    other = shop.client(token=signed_in(shop, make_person(shop))).open("WatchProducts")
    ends = opened(signed_in(shop, user))

    with shop.database():
        lose(user)
        started_at = time.monotonic()
    found = {name: end() for name, end in ends.items()}

    assert time.monotonic() - started_at < SOON_S
    of_rpc = ("UNAUTHENTICATED", ENDED, "unauthenticated")
    assert found == {
        "events": ("end", "unauthenticated"),
        "/ws/prices": (4401, f"unauthenticated: {ENDED}"),
        "/graphql": (4401, f"unauthenticated: {ENDED}"),
        "GraphQL events": ["UNAUTHENTICATED"],
    } | dict.fromkeys([*RPC, *STREAM_WAYS], of_rpc)
    with shop.database():
        product = make_product()
    assert next(other).product_id == product.pk


# -- Roles that change ------------------------------------------------------------------------------------------
WITH_EMAIL = ORDERS % "orderId order { user { email } }"


@pytest.mark.parametrize("query", [ORDERS % "orderId", WITH_EMAIL])
def test_staff_who_lose_the_role_see_no_order_that_is_placed_after(shop, query):
    staff = make_person(shop, is_staff=True)
    token = signed_in(shop, staff)

    with graph_socket(shop.web.url, token=token) as socket, ExitStack() as stack:
        position = position_in(shop)
        socket.subscribe("orders", query, after=position)
        socket.subscribe("products", PRODUCTS % "productId", after=position)
        events = _graphql_events(shop.web.url, token, stack.enter_context, query)
        with shop.database():
            first = make_order()
        before = [socket.receive() for _ in range(3)]  # the product is made and sold, too
        with shop.database():
            User.objects.filter(pk=staff.pk).update(is_staff=False)
            make_order()
        after = [socket.receive() for _ in range(3)]
        told = events()

    (update,) = (each["payload"]["data"]["orderUpdated"] for each in before if each["id"] == "orders")
    (end,) = (each for each in after if each["id"] == "orders")
    assert update["orderId"] == first.pk
    assert (end["type"], end["payload"][0]["message"]) == ("error", LOST)
    assert end["payload"][0]["extensions"]["code"] == "FORBIDDEN"
    assert [each["type"] for each in after if each["id"] == "products"] == ["next", "next"]
    assert told[-1] == "FORBIDDEN"
    assert {each["data"]["orderUpdated"]["orderId"] for each in told[:-1]} <= {first.pk}


def test_silent_stream_of_orders_ends_with_the_role(shop):
    staff, position = make_person(shop, is_staff=True), position_in(shop)
    with shop.database():
        make_order()

    with graph_socket(shop.web.url, token=signed_in(shop, staff)) as socket:
        socket.subscribe("orders", ORDERS % "kind", after=position)
        assert socket.next("orders") == {"orderUpdated": {"kind": "placed"}}
        with shop.database():
            User.objects.filter(pk=staff.pk).update(is_staff=False)

        assert socket.error("orders") == {"message": LOST, "code": "FORBIDDEN"}
        assert socket.refusal("others", ORDERS % "kind", id=10**9) == "NOT_FOUND"


def test_reflection_ends_with_the_role(shop):
    staff = make_person(shop, is_staff=True)
    client = shop.client(token=signed_in(shop, staff))
    call = ServerReflectionStub(client.channel).ServerReflectionInfo(
        iter(SimpleQueue().get, None), metadata=tuple(client.metadata.items()), timeout=TIMEOUT_S
    )
    call.initial_metadata()

    with shop.database():
        User.objects.filter(pk=staff.pk).update(is_staff=False)

    assert end_of(call)[:3] == ("PERMISSION_DENIED", LOST, "forbidden")


def test_caller_who_gains_the_role_opens_the_stream_again_and_sees_every_order(shop):
    clerk = make_person(shop)
    token = signed_in(shop, clerk)

    with graph_socket(shop.web.url, token=token) as socket:
        position = position_in(shop)
        socket.subscribe("orders", ORDERS % "orderId", after=position)
        with shop.database():
            own = make_order(clerk)
        assert socket.next("orders") == {"orderUpdated": {"orderId": own.pk}}
        with shop.database():
            User.objects.filter(pk=clerk.pk).update(is_staff=True)
            other = make_order()
        assert socket.error("orders") == {"message": GAINED, "code": "UNAVAILABLE", "retry_after": 1}
        socket.subscribe("orders", ORDERS % "orderId", after=position)
        told = [socket.next("orders")["orderUpdated"]["orderId"] for _ in range(2)]

    assert told == [own.pk, other.pk]


# -- The check --------------------------------------------------------------------------------------------------


def caller_for(user: User) -> Caller:
    return Caller(user, "", identity_of(token_of_sign_in(user)).grant)


@dataclass(eq=False)
class WatchedLease:
    caller: Caller | None
    end: Callable[[DomainError], Any]
    by_role: bool = False


@pytest.mark.django_db
def test_check_of_all_callers_has_two_statements(monkeypatch):
    rights, ended = Rights(), []
    monkeypatch.setattr(rights, "_start", lambda: None)  # the test's transaction is for this thread alone
    users = [make_user() for _ in range(30)]
    for user in users:
        rights.watch(WatchedLease(caller_for(user), lambda reason, user=user: ended.append((user.pk, reason.code))))
    User.objects.filter(pk=users[3].pk).update(is_active=False)

    with statements() as found:
        rights.check()
    rights.check()

    assert len(found) == 2
    assert ended == [(users[3].pk, "unauthenticated")]


@pytest.mark.django_db(transaction=True)
def test_check_begins_with_the_next_stream_if_its_thread_can_not_start():
    rights, ended, caller = Rights(), SimpleQueue[str](), caller_for(make_user())
    usual = threading.stack_size(1 << 45)  # more than any machine has
    try:
        with pytest.raises(RuntimeError):
            rights.watch(WatchedLease(caller, lambda reason: ended.put("refused")))
    finally:
        threading.stack_size(usual)

    rights.watch(WatchedLease(caller, lambda reason: ended.put(reason.code)))
    User.objects.update(is_active=False)

    assert ended.get(timeout=SOON_S) == "unauthenticated"
    assert ended.empty()


@pytest.mark.django_db(transaction=True)
def test_streams_that_ask_together_share_a_check(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(live_rights, "present_users", lambda grants: asked.append(len(grants)) or present_users(grants))
    callers = [caller_for(make_user()) for _ in range(20)]
    User.objects.filter(pk=callers[5].user.pk).update(is_staff=True)
    User.objects.filter(pk=callers[6].user.pk).delete()

    async def confirm_all() -> list[Any]:
        return await asyncio.gather(*map(live_rights.check_role, [*callers, *callers]), return_exceptions=True)

    with monkeypatch.context() as patch:
        patch.setattr(live_rights, "ask", asyncio.to_thread)
        found = asyncio.run(confirm_all())

    assert asked == [20]
    assert [str(error) for error in found[:20] if error] == [GAINED, ENDED]


@pytest.mark.django_db(transaction=True)
def test_check_that_fails_fails_for_all_who_wait_but_not_for_one_who_left_or_the_next(monkeypatch):
    caller, anonymous = caller_for(make_user()), Caller(AnonymousUser(), "")

    async def confirmed_twice() -> tuple[list[Any], object, object]:
        waiting = [asyncio.create_task(live_rights.check_role(caller)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        monkeypatch.setattr(live_rights, "ask", asyncio.to_thread)
        return found, await live_rights.check_role(caller), await live_rights.check_role(anonymous)

    async def fail(*_: Any) -> None:
        await asyncio.sleep(0.01)
        raise Unavailable("No answer in time")

    monkeypatch.setattr(live_rights, "ask", fail)
    found, *later = asyncio.run(confirmed_twice())

    assert [type(error) for error in found] == [asyncio.CancelledError, Unavailable, Unavailable]
    assert later == [None, None]


def test_streams_outlive_an_outage_of_the_check_but_not_their_tokens(live_shop, requires_postgresql):
    shop = live_shop(LOCK_TIMEOUT_S="1")
    with shop.database():
        user, brief = (make_user(password="a-long-password") for _ in range(2))
        tokens = access_token(user), brief_token(brief, 4)

    with ExitStack() as stack:
        lasting, other = (stack.enter_context(socket_client(shop.url, "/ws/prices", token)) for token in tokens)
        assert all("cursor" in client.receive() for client in (lasting, other))
        with shop.database(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE accounts_user IN ACCESS EXCLUSIVE MODE")
            code, reason = other.closed()
            lasting.send("not JSON")
            answer = lasting.receive()
            deactivate(user)

        assert (code, reason.startswith("unauthenticated: The token has expired")) == (4401, True)
        assert answer["error_code"] == "invalid_input"
        assert lasting.closed() == (4401, f"unauthenticated: {ENDED}")
    assert shop.servers[0].log.count("lost its database") == 1
