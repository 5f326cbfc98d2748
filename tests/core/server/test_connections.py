"""Heads of HTTP requests: their bounds hold however the server was started."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from websockets.sync.client import connect

from catalog.models import Product
from core.server.connections import MAX_DROPPED_BYTES, MAX_HEAD_BYTES
from tests.support.api import access_token
from tests.support.factories import make_staff
from tests.support.live import Server, Shop
from tests.support.raw_http import Answer, all_of, answers_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.live

HEAD_TIMEOUT_S, KEEP_ALIVE_S, SLACK_S = 1.5, 4, 20
LINE = b"X-A: " + b"y" * 1_000 + b"\r\n"
WAYS = ("serve", "uvicorn")


class Web(NamedTuple):
    shop: Shop
    servers: dict[str, Server]
    token: str


@pytest.fixture(scope="module")
def web(live_shops) -> Web:
    return begun(live_shops, HEAD_TIMEOUT_S)


@pytest.fixture(scope="module")
def patient(live_shops) -> Web:
    """Servers that wait for a head however slowly a busy machine sends it."""
    return begun(live_shops, 60)


def begun(live_shops: Callable[..., Shop], head_timeout_s: float) -> Web:
    shop = live_shops(HEAD_TIMEOUT_S=str(head_timeout_s), KEEP_ALIVE_S=str(KEEP_ALIVE_S), LOG_LEVEL="INFO")
    shop.servers.append(Server(shop.folder, shop.env, "ecommerce.asgi:application"))
    shop.servers[1].wait_until_live()
    with shop.database():
        token = access_token(make_staff())
    return Web(shop, dict(zip(WAYS, shop.servers, strict=True)), token)


def dialled(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def told(server: Server, *parts: bytes) -> Answer:
    """Send all of it, and return the one answer that ends the connection."""
    with dialled(server) as client:
        for part in parts:
            client.sendall(part)
        (answer,) = answers_in(all_of(client))
    return answer


def head(start: str, *fields: str) -> bytes:
    return "\r\n".join((start, *fields, "", "")).encode()


def ask_whether_it_lives(client: socket.socket) -> None:
    client.sendall(head("GET /health/live HTTP/1.1", "Host: localhost"))
    received = b""
    while not received.endswith(b'{"status": "ok"}'):
        received += client.recv(65_536)


# -- Size -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_head_without_end_is_answered_431_and_not_kept(patient, way):
    server = patient.servers[way]
    with dialled(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(LINE * (50 * MAX_DROPPED_BYTES // len(LINE)))

    wait_until(lambda: '"status": 431' in server.log)
    assert httpx.get(f"{server.url}/health/live").status_code == 200


def test_client_that_sends_a_large_head_reads_the_refusal(web):
    answer = told(web.servers["serve"], b"GET / HTTP/1.1\r\nHost: localhost\r\n" + LINE * 200 + b"\r\n")

    assert (answer.status, answer.code, answer.headers["connection"]) == (431, "too_large", "close")
    assert f'"request_id": "{answer.headers["x-request-id"]}"' in web.servers["serve"].log


def test_url_above_64_kib_is_answered_431(web):
    assert told(web.servers["serve"], head(f"GET /{'x' * MAX_HEAD_BYTES} HTTP/1.1", "Host: localhost")).status == 431


def test_head_below_64_kib_and_a_body_above_pass_on_one_connection(web):
    with httpx.Client(base_url=web.servers["serve"].url, headers={"X": "y" * 60_000}) as client:
        answers = [client.post("/graphql", json={"query": "x" * size}) for size in (1, 200_000, 1)]
        last = client.get("/health/live")

    assert ["characters" in answer.text for answer in answers] == [False, True, False]
    assert {answer.status_code for answer in (*answers, last)} == {200}


@pytest.mark.parametrize("trailer", [LINE * 200, b"X-A: " + b"y" * 200_000], ids=["many", "long"])
def test_trailers_without_end_are_refused_and_nothing_is_written(web, trailer):
    start = head(
        "POST /api/v1/products HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked",
        f"Authorization: Bearer {web.token}", "Content-Type: application/json",
    )  # fmt: skip
    body = b'{"name": "Trailed", "price": 1}'

    answer = told(web.servers["serve"], start + b"%x\r\n%s\r\n0\r\n" % (len(body), body), trailer)

    assert (answer.status, answer.code) == (431, "too_large")
    with web.shop.database():
        assert not Product.objects.filter(name="Trailed").exists()


# -- Time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_silent_connection_is_closed_without_an_answer(web, way):
    start = time.monotonic()
    with dialled(web.servers[way]) as client:
        received = all_of(client)

    assert received == b""
    assert HEAD_TIMEOUT_S * 0.9 < time.monotonic() - start < HEAD_TIMEOUT_S + SLACK_S


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_second", [False, True], ids=["first request", "second request"])
def test_slow_head_is_answered_408_though_bytes_keep_coming(web, way, is_second):
    with dialled(web.servers[way]) as client:
        if is_second:
            ask_whether_it_lives(client)
        client.settimeout(0.1)
        start, received = time.monotonic(), b""
        for byte in b"GET /health/live HTTP/1.1\r\nX: " + b"y" * int(10 * SLACK_S):
            client.sendall(bytes([byte]))
            with suppress(TimeoutError):
                received = client.recv(65_536)
                break
        client.settimeout(20)
        (answer,) = answers_in(received + all_of(client))

    assert (answer.status, answer.code) == (408, "invalid_input")
    assert HEAD_TIMEOUT_S * 0.9 < time.monotonic() - start < HEAD_TIMEOUT_S + SLACK_S


def test_idle_connection_outlives_a_proxys_and_is_then_closed(web):
    with dialled(web.servers["serve"]) as client:
        for _ in range(2):
            ask_whether_it_lives(client)
            time.sleep(HEAD_TIMEOUT_S + 0.5)
        start = time.monotonic()

        assert all_of(client) == b""
    assert time.monotonic() - start < KEEP_ALIVE_S + SLACK_S
    assert settings.KEEP_ALIVE_S > 60


def test_websocket_is_not_held_to_the_deadline_of_heads(web):
    with connect(f"ws://127.0.0.1:{web.servers['serve'].port}/ws/prices") as client:
        time.sleep(HEAD_TIMEOUT_S + 0.5)

        assert client.ping().wait(10)


# -- What is no request -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_head",
    [
        head("GET /api/v1/products HTTP/1.1"),
        head("GET /api/v1/products HTTP/1.1", "Host: localhost", "Host: localhost"),
        head("GET /api/v1/products HTTP/1.0", "Host: localhost", "Host: 127.0.0.1"),
        head("GET /ws/prices HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"),
        head("GET * HTTP/1.1", "Host: localhost"),
        head("GET http://other.example/api/v1/products HTTP/1.1", "Host: localhost"),
        head("GET http://[/api/v1/products HTTP/1.1", "Host: localhost"),
        head("FROB /api/v1/products HTTP/1.1", "Host: localhost"),
        head("GET /api/v1/products HTTP/9.9", "Host: localhost"),
        b"\x16\x03\x01\x02\r\n\r\n",
    ],
)
def test_request_that_http_does_not_allow_is_an_error_of_the_api(web, request_head):
    answer = told(web.servers["serve"], request_head)

    assert (answer.status, answer.code) == (400, "invalid_input")
    assert (answer.headers["content-type"], answer.headers["connection"]) == ("application/json", "close")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity"])
def test_transfer_coding_other_than_chunked_is_501(web, coding):
    answer = told(web.servers["serve"], head("POST /api/v1/orders HTTP/1.1", "Host: a", f"Transfer-Encoding: {coding}"))

    assert (answer.status, answer.code) == (501, "invalid_input")


def test_absolute_url_of_this_host_is_answered(web):
    url = "http://LOCALHOST:80/health/live"
    answer = told(web.servers["serve"], head(f"GET {url} HTTP/1.1", "Host: localhost:80", "Connection: close"))

    assert answer.status == 200


def test_error_has_the_form_that_the_request_asks_for(web):
    answer = told(web.servers["serve"], head("GET /api/v2/products HTTP/1.1", "Accept: application/xml"))

    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+xml")


def test_http_1_0_needs_no_host(web):
    answer = told(web.servers["serve"], head("GET /health/live HTTP/1.0"))

    assert (answer.status, answer.body) == (200, b'{"status": "ok"}')


def test_options_of_the_whole_server_is_answered_with_its_methods(web):
    answer = told(web.servers["serve"], head("OPTIONS * HTTP/1.1", "Host: localhost", "Connection: close"))

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    assert "content-type" not in answer.headers


def test_malformed_request_is_not_answered_in_the_place_of_the_one_before(web):
    body = b'{"name": "Piped", "price": 1}'
    order = head(
        "POST /api/v1/products HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}",
        f"Authorization: Bearer {web.token}", "Content-Type: application/json",
    )  # fmt: skip
    with dialled(web.servers["serve"]) as client:
        client.sendall(order + body + head("FROB / HTTP/1.1"))
        (answer,) = answers_in(all_of(client))

    assert (answer.status, json.loads(answer.body)["name"]) == (201, "Piped")
    with web.shop.database():
        assert Product.objects.filter(name="Piped").count() == 1


def test_malformed_body_is_refused_and_nothing_is_written(web):
    start = head(
        "POST /api/v1/products HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked",
        f"Authorization: Bearer {web.token}", "Content-Type: application/json",
    )  # fmt: skip

    answer = told(web.servers["serve"], start, b'5\r\n{"nam\r\nno chunk\r\n')

    assert (answer.status, answer.code) == (400, "invalid_input")


# -- Proxies ----------------------------------------------------------------------------------------------------


def address_logged(server: Server, named: str = "203.0.113.7", path: str = "/api/v1/products") -> str:
    """Return the client address that the server logs for a request with X-Forwarded-For."""
    request = f"forwarded-{uuid4().hex}"
    httpx.get(f"{server.url}{path}", headers={"X-Forwarded-For": named, "X-Request-ID": request}, timeout=20)
    (line,) = (line for line in server.log.splitlines() if request in line)
    return json.loads(line)["address"]


@pytest.mark.parametrize("way", WAYS)
def test_address_of_a_client_is_not_taken_from_an_unnamed_proxy(web, way):
    assert address_logged(web.servers[way]) == "127.0.0.1"


def test_address_of_a_client_is_taken_from_a_named_proxy(web):
    assert address_logged(web.shop.start(FORWARDED_ALLOW_IPS="127.0.0.1")) == "203.0.113.7"


def test_proxy_that_names_no_address_is_the_client_itself(web):
    server = web.shop.start(FORWARDED_ALLOW_IPS="127.0.0.1")
    paths = ["/api/v1/products", "/api/v1/products?search=tea", "/api/v1/users/me", "/nowhere"]

    named = ["unknown", "203.0.113.7, unknown", "x" * 3_000, "[::1", "203.0.113.7:port", "fe80::1%eth0"]

    assert {address_logged(server, text, path) for text in named for path in paths} == {"127.0.0.1"}
    assert {address_logged(server, "203.0.113.7:5000", path) for path in paths} == {"203.0.113.7"}
