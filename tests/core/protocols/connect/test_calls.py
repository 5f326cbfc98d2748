"""Connect and gRPC-Web on the HTTP origin: real processes, real sockets, frames made by hand."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from catalog.models import Product
from protos import product_pb2 as pb
from tests.support.connect import GET, WAYS, WebClient, WebShop, bytes_in, framed, frames_in, json_headers, refusal_of
from tests.support.factories import make_product, make_staff, make_user
from tests.support.live import Server
from tests.support.rpc import Refusal
from tests.support.waiting import wait_until

EVERY_WAY = [*WAYS, GET]
GET_PRODUCT = "/ecommerce.ProductService/GetProduct"


@pytest.fixture(scope="module")
def shop(web_shop) -> WebShop:
    with web_shop.database():
        make_product(name="Tea", price=9.5, stock=3, sku="TEA")
        make_staff(username="staff")
        make_user(username="customer")
    return web_shop


@pytest.fixture
def clients(shop: WebShop) -> Callable[..., WebClient]:
    return shop.caller


def tea(shop: WebShop) -> Product:
    with shop.database():
        return Product.objects.get(sku="TEA")


def count(shop: WebShop) -> int:
    with shop.database():
        return Product.objects.count()


# -- Answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", EVERY_WAY)
def test_message_is_answered_as_grpc_answers_it(shop, clients, way):
    product = tea(shop)

    answer = clients(way=way).call("GetProduct", id=product.pk)

    assert answer == shop.client().call("GetProduct", id=product.pk)
    assert (answer.product.name, answer.product.price, answer.product.stock) == ("Tea", 9.5, 3)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_written_is_there(shop, clients, way):
    answer = clients("staff", way=way).call("CreateProduct", name=f"Pot {way}", price=5, stock=1)

    with shop.database():
        made = Product.objects.get(pk=answer.product.id)
    assert (made.name, made.price, made.stock) == (f"Pot {way}", 5, 1)


@pytest.mark.parametrize("way", WAYS)
def test_refused_fields_are_in_the_details(shop, clients, way):
    before = count(shop)

    refusal = clients("staff", way=way).refusal("CreateProduct", name="", price=-1)

    assert refusal == Refusal(
        "INVALID_ARGUMENT",
        "Invalid product data",
        reason="invalid_input",
        fields={"name": "Name is required", "price": "Valid price is required"},
        request_id=refusal.request_id,
    )
    assert len(refusal.request_id) == 32
    assert count(shop) == before


@pytest.mark.parametrize("pieces", [1, 3])
def test_text_may_be_padded_anywhere(shop, clients, pieces):
    product = tea(shop)
    frame = framed(pb.GetProductRequest(id=product.pk).SerializeToString())
    size = -(-len(frame) // pieces)
    text = b"".join(base64.b64encode(frame[at : at + size]) for at in range(0, len(frame), size))

    answer = clients().http.post(GET_PRODUCT, content=text, headers={"content-type": "application/grpc-web-text+proto"})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/grpc-web-text+proto")
    flags, content = next(frames_in(bytes_in(iter([answer.content]))))
    assert (flags, pb.GetProductResponse.FromString(content).product.name) == (0, "Tea")


@pytest.mark.parametrize("body", [b"not base64!", b"AAA", b"AAAA\n", b"====", framed(b"")])
def test_text_that_is_none_is_refused(clients, body):
    answer = clients().http.post(GET_PRODUCT, content=body, headers={"content-type": "application/grpc-web-text"})

    assert answer.headers["content-type"] == "application/grpc-web-text+proto"
    [(_, end)] = frames_in(bytes_in(iter([answer.content])))
    assert "grpc-status: 3\r\ngrpc-message: The body is not base64" in unquote(end.decode())


@pytest.mark.parametrize("way", EVERY_WAY)
def test_who_asks_is_known_before_the_message_is_read(clients, way):
    answer = clients(way=way, token="nonsense").refusal("GetProduct", id=1)

    assert (answer.code, answer.message) == ("UNAUTHENTICATED", "Invalid token")


def test_rule_stands_before_a_message_that_cant_be_read(clients):
    answer = clients().http.post("/ecommerce.ProductService/CreateProduct", content=b"{", headers=json_headers())

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_get_is_for_what_changes_nothing(shop, clients):
    before = count(shop)

    answer = clients("staff", way=GET).send("CreateProduct", name="Pot", price=5)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert count(shop) == before


def test_message_of_get_may_be_binary(shop, clients):
    client, product = clients(), tea(shop)

    answer = client.http.get(
        GET_PRODUCT, params={"encoding": "proto", "base64": "1", "message": "CAE", "connect": "v1"}
    )

    assert product.pk == 1
    assert pb.GetProductResponse.FromString(answer.content).product.name == "Tea"


def test_request_id_is_kept_in_the_answer_the_details_and_the_log(shop, clients):
    server = shop.web

    answer = clients().send("GetProduct", {"x-request-id": "connect-request-1"}, id=99)

    assert answer.headers["x-request-id"] == "connect-request-1"
    assert refusal_of(answer.json()).request_id == "connect-request-1"
    wait_until(lambda: lines_of(server, "connect-request-1"))  # it is written once the answer is
    [line] = lines_of(server, "connect-request-1")
    facts = {name: line[name] for name in ("message", "method", "path", "status", "address")}
    assert facts == {
        "message": "request",
        "method": "Connect",
        "path": GET_PRODUCT,
        "status": "NOT_FOUND",
        "address": "127.0.0.1",
    }


def lines_of(server: Server, request_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["request_id"] == request_id]


def test_answer_is_kept_by_no_cache(clients):
    assert clients(way=GET).send("GetProduct", id=1).headers["cache-control"] == "no-store"


def test_there_is_no_cors(clients):
    answer = clients().http.options(
        GET_PRODUCT, headers={"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    )

    assert answer.status_code == 405
    assert [name for name in answer.headers if name.startswith("access-control")] == []


# -- Refusals of the protocol -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/ecommerce.ProductService/Nothing", "/ecommerce.NoService/GetProduct", "/ecommerce.ProductService/"]
)
def test_unknown_method_is_unimplemented(clients, path):
    http = clients().http

    answers = [
        http.post(path, content=b"{}", headers=json_headers()),
        http.get(path, params={"encoding": "json", "message": "{}"}),
    ]
    over_grpc_web = http.post(path, content=framed(b""), headers={"content-type": "application/grpc-web"})
    stream = http.post(path, content=framed(b"{}"), headers={"content-type": "application/connect+json"})

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(501, "unimplemented")] * 2
    assert b"grpc-status: 12\r\n" in over_grpc_web.content
    assert json.loads(stream.content[5:])["error"]["code"] == "unimplemented"


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "",
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web-text+json",
        "application/grpc-web+thrift",
        "application/connect+proto",
        "multipart/form-data; boundary=x",
    ],
)
def test_kind_of_content_that_is_not_spoken_is_415(clients, kind):
    answer = clients().http.post(GET_PRODUCT, content=b"{}", headers={"content-type": kind})

    assert (answer.status_code, answer.content) == (415, b"")
    assert answer.headers["accept-post"] == "application/json, application/proto"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json; charset=utf-8", "application/json;x"])
def test_kind_of_content_is_read_as_http_says(clients, kind):
    answer = clients().http.post(GET_PRODUCT, content=b'{"id": 1}', headers={"content-type": kind})

    assert answer.json()["product"]["name"] == "Tea"


UNREADABLE = {
    "no JSON": b"{",
    "a field of another type": b'{"id": "x"}',
    "a number too large": b'{"id": 99999999999}',
    "a list": b"[]",
    "a text": b'"x"',
    "nothing": b"",
    "no UTF-8": b'{"id": "\xff"}',
    "half a surrogate": b'{"after": "\\ud800"}',
    "a deep nest": b'{"a":' * 15_000,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_message_that_cant_be_read_is_invalid_and_says_nothing_of_python(clients, content):
    answer = clients().http.post(GET_PRODUCT, content=content, headers=json_headers())

    assert answer.status_code == 400
    refusal = refusal_of(answer.json())
    assert (refusal.code, refusal.message) == ("INVALID_ARGUMENT", "The message can't be read")
    assert refusal.reason == "invalid_input"


FRAMES = {
    "cut off in the head": b"\0\0",
    "shorter than it says": b"\0\0\0\0\x09\x08",
    "no message": b"",
    "two messages": framed(b"") * 2,
    "of an unknown kind": framed(b"", 0b100),
    "packed without a word": framed(gzip.compress(b""), 1),
    "no protobuf": framed(b"\xff\xff"),
}


@pytest.mark.parametrize("content", FRAMES.values(), ids=FRAMES)
def test_frames_that_are_wrong_are_refused_by_grpc_status(clients, content):
    answer = clients().http.post(GET_PRODUCT, content=content, headers={"content-type": "application/grpc-web"})

    assert answer.status_code == 200
    assert b"grpc-status: 3\r\n" in answer.content or b"grpc-status: 12\r\n" in answer.content
    assert b"grpc-status-details-bin: " in answer.content
    assert b"Error" not in answer.content


@pytest.mark.parametrize(
    ("name", "value"),
    [("connect-timeout-ms", "x"), ("connect-timeout-ms", "12345678901"), ("connect-protocol-version", "2")],
)
def test_header_of_the_protocol_that_is_wrong_is_invalid(clients, name, value):
    answer = clients().http.post(GET_PRODUCT, content=b"{}", headers=json_headers() | {name: value})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")


def test_bytes_that_are_no_utf8_are_taken_in_headers_and_in_the_address(clients):
    http = clients().http

    by_header = http.post(GET_PRODUCT, content=b'{"id": 1}', headers={**json_headers(), "x-name": b"\xff\xfe"})
    by_address = http.get(f"{GET_PRODUCT}?encoding=json&message=%FF")

    assert by_header.json()["product"]["name"] == "Tea"
    assert (by_address.status_code, by_address.json()["message"]) == (400, "The message can't be read")
