"""graphql-transport-ws at /graphql, to the letter: every message, every close code, every kind of operation."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from catalog.models import Product
from core.protocols.graph.live import socket as graph_socket_module
from core.protocols.live.sockets import is_trusted
from core.server.serving import bind
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop
from tests.support.sockets import PRODUCTS, PROTOCOL, graph_socket, opened, position_in


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """Two processes, for the tests that need no settings of their own."""
    return live_shops(processes=2)


# -- The protocol -----------------------------------------------------------------------------------------------


def test_client_without_the_protocol_is_told_which_it_is(shop: Shop) -> None:
    with graph_socket(shop.url, acknowledge=False, subprotocols=["graphql-ws"]) as client:
        assert client.closed() == (4406, "Subprotocol not acceptable: use graphql-transport-ws")


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        "",
        "{",
        "[]",
        '"ping"',
        "[" * 100_000,
        {},
        {"type": "start"},
        {"type": 5},
        {"type": "connection_init", "payload": "Bearer"},
        {"type": "ping", "payload": "x"},
        {"type": "pong", "payload": [1]},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "1", "payload": []},
        {"type": "subscribe", "id": "", "payload": {"query": "{ me { id } }"}},
        {"type": "subscribe", "id": 1, "payload": {"query": "{ me { id } }"}},
        {"type": "subscribe", "id": "x" * 129, "payload": {"query": "{ me { id } }"}},
        {"type": "subscribe", "id": "1", "payload": {}},
        {"type": "subscribe", "id": "1", "payload": {"query": 5}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "variables": []}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "operationName": 5}},
        {"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "extensions": []}},
        {"type": "complete"},
    ],
)
def test_message_that_is_none_of_the_protocol_closes_with_4400(shop: Shop, message: Any) -> None:
    with graph_socket(shop.url, acknowledge=False) as client:
        client.send(message)

        code, reason = client.closed()
    assert (code, reason.startswith("Invalid message")) == (4400, True)


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {"more": 1}}])
def test_initialisation_needs_no_payload(shop: Shop, payload: dict[str, Any]) -> None:
    with graph_socket(shop.url, acknowledge=False) as client:
        client.send({"type": "connection_init", **payload})

        assert client.receive() == {"type": "connection_ack"}


def test_operation_before_the_acknowledgement_closes_with_4401(shop: Shop) -> None:
    with graph_socket(shop.url, acknowledge=False) as client:
        client.subscribe("1", "{ __typename }")

        assert client.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Bearer ", "Bearer ключ", "Bearer \ud800"])
def test_bad_token_closes_with_4403(shop: Shop, authorization: str) -> None:
    with graph_socket(shop.url, acknowledge=False) as client:
        client.send({"type": "connection_init", "payload": {"authorization": authorization}})

        assert client.closed() == (4403, "Forbidden: Invalid token")


def test_second_initialisation_closes_with_4429(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        client.send({"type": "connection_init"})

        assert client.closed() == (4429, "Too many initialisation requests")


def test_second_operation_of_a_name_closes_with_4409(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        client.subscribe("a", PRODUCTS % "kind")
        client.subscribe("a", PRODUCTS % "kind")

        assert client.closed() == (4409, "Subscriber for a already exists")


def test_message_that_is_too_long_closes_with_1009(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        client.send({"type": "ping", "payload": {"text": "x" * 1_000_000}})

        assert client.closed() == (1009, "A message has at most 1000000 characters")


@pytest.fixture
def impatient_url(monkeypatch: pytest.MonkeyPatch, unlimited: None) -> Iterator[str]:
    """A server in a thread of this process, which waits for nobody. It asks no database."""
    monkeypatch.setattr(graph_socket_module, "INIT_TIMEOUT_S", 0.2)
    from ecommerce.asgi import application

    listener = bind("127.0.0.1", 0)
    listener.listen()  # clients may connect before the server is ready
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield "http://{}:{}".format(*listener.getsockname())
    server.should_exit = True
    thread.join(10)


def test_client_that_does_not_initialise_is_closed_with_4408(impatient_url: str) -> None:
    with graph_socket(impatient_url, acknowledge=False) as client:
        client.send({"type": "ping"})

        assert client.receive() == {"type": "pong"}
        assert client.closed() == (4408, "Connection initialisation timeout")


def test_ping_may_have_other_fields(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        client.send({"type": "ping", "self": 1, "message": "x"})

        assert client.receive() == {"type": "pong", "self": 1, "message": "x"}


def test_ping_is_answered_with_its_payload_and_pong_with_nothing(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        client.send({"type": "pong"})
        client.send({"type": "ping", "payload": {"at": 1, "text": "ä"}})
        client.send({"type": "ping"})

        assert client.receive() == {"type": "pong", "payload": {"at": 1, "text": "ä"}}
        assert client.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    ("host", "origin", "status", "code"),
    [
        ("", "http://elsewhere.example", 403, "forbidden"),
        ("", "null", 403, "forbidden"),
        ("elsewhere.example", "http://elsewhere.example", 400, "invalid_input"),
    ],
)
def test_page_of_another_site_may_not_connect(shop: Shop, host: str, origin: str, status: int, code: str) -> None:
    address = ("127.0.0.1", shop.servers[0].port)
    url = f"ws://{host or f'127.0.0.1:{address[1]}'}/graphql"

    with (
        socket.create_connection(address) as sock,
        pytest.raises(InvalidStatus) as refused,
        connect(url, sock=sock, origin=origin, subprotocols=[PROTOCOL]),
    ):
        pass

    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["code"] == code


def test_pages_of_this_shop_and_of_trusted_sites_may_connect(live_shop) -> None:
    shop = live_shop(CSRF_TRUSTED_ORIGINS="https://app.example,https://*.shop.example")

    origins = [shop.url, "https://app.example", "https://a.shop.example", "https://a.b.shop.example"]
    accepted = []
    for origin in origins:
        with graph_socket(shop.url, origin=origin):
            accepted.append(origin)

    assert accepted == origins


ORIGINS = [
    "https://app.example",
    "https://sub.app.example",
    "https://shop.example",
    "https://a.shop.example",
    "https://A.shop.example",
    "https://a.shop.example:8443",
    "https://a.ports.example:8443",
    "https://a.ports.example",
    "http://a.shop.example",
    "https://ashop.example",
    "https://a.shop.example.evil.example",
    "https://*.shop.example",
    "https://[",
    "null",
    "",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_origin_is_trusted_if_django_trusts_it(settings, origin: str) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example", "https://*.shop.example", "https://*.ports.example:8443"]
    request = RequestFactory().post("/", headers={"Origin": origin, "Host": "localhost"})

    assert is_trusted(origin) is CsrfViewMiddleware(lambda _: HttpResponse())._origin_verified(request)


def test_pattern_of_origins_covers_subdomains_of_its_scheme_and_port(settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.shop.example", "https://*.ports.example:8443"]

    assert [origin for origin in ORIGINS if is_trusted(origin)] == [
        "https://shop.example",
        "https://a.shop.example",
        "https://A.shop.example",
        "https://a.ports.example:8443",
        "https://*.shop.example",
    ]


def test_shop_that_speaks_https_alone_takes_no_socket_and_no_call_in_the_clear(live_shop) -> None:
    shop = live_shop(HTTPS="on", TRUST_PROXY="on")
    call, encrypted = f"{shop.url}/ecommerce.ProductService/GetProduct", {"X-Forwarded-Proto": "https"}

    with pytest.raises(InvalidStatus) as refused, graph_socket(shop.url):
        pass
    with graph_socket(shop.url, additional_headers=encrypted):
        pass
    answers = [httpx.post(call, json={"id": 1}, headers=headers) for headers in ({}, encrypted)]

    assert json.loads(refused.value.response.body)["error"] == "This shop requires HTTPS"
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "permission_denied"),
        (404, "not_found"),
    ]


def test_unknown_path_takes_no_socket(shop: Shop) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(shop.url, "/graphql/other"):
        pass

    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body)["code"] == "not_found"


# -- Operations -------------------------------------------------------------------------------------------------


def test_query_and_mutation_are_answered_as_by_http(shop: Shop) -> None:
    with shop.database():
        staff, product = make_staff(password="a-long-password"), make_product(name="Tea", stock=3)

    with graph_socket(shop.url, staff) as client:
        client.subscribe("q", "query($id: Int) { product(id: $id) { name stock } }", id=product.pk)
        query = client.receive(), client.receive()
        client.subscribe(
            "m", "mutation($id: Int!) { updateProduct(id: $id, stock: 2) { ok product { stock } } }", id=product.pk
        )
        mutation = client.receive(), client.receive()

    assert query == (
        {
            "id": "q",
            "type": "next",
            "payload": {
                "data": {"product": {"name": "Tea", "stock": 3}},
                "extensions": {"cost": {"requested": 1, "max": 50_000}},
            },
        },
        {"id": "q", "type": "complete"},
    )
    assert mutation[0]["payload"]["data"] == {"updateProduct": {"ok": True, "product": {"stock": 2}}}
    assert mutation[1] == {"id": "m", "type": "complete"}
    with shop.database():
        assert Product.objects.get(pk=product.pk).stock == 2


def test_field_that_fails_is_a_result_and_not_the_end(shop: Shop) -> None:
    with graph_socket(shop.url) as client:
        client.subscribe("m", "mutation { deleteProduct(id: 1) { ok } }")

        message = client.receive()
        assert message["type"] == "next"
        assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert client.receive() == {"id": "m", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nothing }", "INVALID_INPUT"),
        ("{", "INVALID_INPUT"),
        ("", "INVALID_INPUT"),
        ("{" + "a { " * 30 + "a" + " }" * 31, "TOO_COMPLEX"),
        ("subscription { productUpdated { kind } orderUpdated { kind } }", "INVALID_INPUT"),
        ("subscription { __typename }", "INVALID_INPUT"),
        ("subscription { productUpdated @skip(if: true) { kind } }", "INVALID_INPUT"),
        (
            "subscription { ...F @include(if: true) } fragment F on Subscription { productUpdated { kind } }",
            "INVALID_INPUT",
        ),
        ("subscription { orderUpdated { order { user { orders { user { orders { number } } } } } } }", "TOO_COMPLEX"),
        ('subscription { productUpdated(id: "one") { kind } }', "INVALID_INPUT"),
        ("subscription($id: Int!) { productUpdated(id: $id) { kind } }", "INVALID_INPUT"),
        ("subscription { productUpdated(id: 2000000000) { kind } }", "NOT_FOUND"),
        ("subscription { productUpdated(id: 0) { kind } }", "NOT_FOUND"),
        ('subscription { productUpdated(after: "x") { kind } }', "INVALID_INPUT"),
        ('subscription { productUpdated(after: "999999999") { kind } }', "CURSOR_EXPIRED"),
        ("subscription { orderUpdated { kind } }", "UNAUTHENTICATED"),
    ],
)
def test_refused_operation_ends_alone(shop: Shop, query: str, code: str) -> None:
    with graph_socket(shop.url) as client:
        assert client.refusal("a", query) == code

        client.subscribe("a", "{ __typename }")
        assert client.next("a") == {"__typename": "Query"}


def test_many_operations_share_a_connection(shop: Shop) -> None:
    with shop.database():
        first, second = make_product(stock=9), make_product(stock=9)

    with graph_socket(shop.urls[0]) as client:
        client.subscribe("every", PRODUCTS % "productId", after=position_in(shop))
        client.subscribe("one", PRODUCTS % "productId newStock", id=second.pk, after=position_in(shop))
        client.subscribe("other", PRODUCTS % "newStock", id=first.pk, after=position_in(shop))
        with shop.database():
            Product.objects.filter(pk=first.pk).update(stock=8)
            Product.objects.filter(pk=second.pk).update(stock=7)
        told: dict[str, list[Any]] = {}
        for _ in range(4):
            message = client.receive()
            told.setdefault(message["id"], []).append(message["payload"]["data"]["productUpdated"])

    assert told == {
        "every": [{"productId": first.pk}, {"productId": second.pk}],
        "one": [{"productId": second.pk, "newStock": 7}],
        "other": [{"newStock": 8}],
    }


def test_completed_operation_is_told_nothing_more_and_its_name_is_free(shop: Shop) -> None:
    with shop.database():
        product = make_product(stock=9)

    with graph_socket(shop.url) as client:
        client.subscribe("a", PRODUCTS % "newStock", id=product.pk, after=position_in(shop))
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=8)
        assert client.next("a") == {"productUpdated": {"newStock": 8}}
        client.complete("a")
        client.complete("never begun")
        client.send({"type": "ping"})
        assert client.receive() == {"type": "pong"}  # and so what came before was read
        position = position_in(shop)
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=7)
        client.subscribe("a", PRODUCTS % "kind newStock", id=product.pk, after=position)
        assert client.next("a") == {"productUpdated": {"kind": "updated", "newStock": 7}}
