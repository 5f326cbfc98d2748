"""What Connect and gRPC-Web hold up to: bodies, what unpacks, metadata, budgets, deadlines, streams from the client."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from catalog.models import Product
from core.protocols.connect.refusals import answer_to
from tests.support.connect import WebClient, WebShop, framed, json_headers, refusal_of
from tests.support.factories import make_product, make_staff
from tests.support.live import Server

GET_PRODUCT = "/ecommerce.ProductService/GetProduct"
MAX_BODY_BYTES, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES = 60_000, 40_000, 4_000


@pytest.fixture(scope="module")
def shop(web_shop) -> WebShop:
    with web_shop.database():
        make_product(name="Tea", price=9.5, stock=3, sku="TEA")
        make_staff(username="staff")
    return web_shop


@pytest.fixture
def clients(shop: WebShop) -> Callable[..., WebClient]:
    return shop.caller


@pytest.fixture(scope="module")
def tight(shop: WebShop) -> Server:
    """A server of the same shop with narrow bounds."""
    return shop.start(
        MAX_BODY_BYTES=str(MAX_BODY_BYTES),
        GRPC_MAX_MESSAGE_BYTES=str(MAX_MESSAGE_BYTES),
        GRPC_MAX_METADATA_BYTES=str(MAX_METADATA_BYTES),
        BODY_TIMEOUT_S="1",
    )


def tea(shop: WebShop) -> Product:
    with shop.database():
        return Product.objects.get(sku="TEA")


def count(shop: WebShop) -> int:
    with shop.database():
        return Product.objects.count()


def test_body_past_the_bound_is_refused_and_the_connection_closed(tight):
    content = json.dumps({"after": "x" * MAX_BODY_BYTES})

    answer = httpx.post(tight.url + GET_PRODUCT, content=content, headers=json_headers())

    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    assert refusal_of(answer.json()).reason == "too_large"
    assert answer.json()["message"] == f"Body max is {MAX_BODY_BYTES} bytes"
    assert answer.headers["connection"] == "close"


def test_body_without_a_length_is_bounded_too(tight):
    def parts() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    answer = httpx.post(tight.url + GET_PRODUCT, content=parts(), headers=json_headers())

    assert refusal_of(answer.json()).message == f"Body max is {MAX_BODY_BYTES} bytes"


def test_body_that_stalls_is_given_up(tight):
    def parts() -> Iterator[bytes]:
        yield b"{"
        time.sleep(3)
        yield b"}"

    start = time.monotonic()
    answer = httpx.post(tight.url + GET_PRODUCT, content=parts(), headers=json_headers())

    assert refusal_of(answer.json()).message == "The body did not arrive within 1 s"
    assert time.monotonic() - start < 15


def test_message_past_the_bound_is_refused(tight):
    content = framed(b"\x12\xf0\xba\x02" + b"x" * MAX_MESSAGE_BYTES)

    answer = httpx.post(tight.url + GET_PRODUCT, content=content, headers={"content-type": "application/grpc-web"})

    assert b"grpc-status: 8\r\n" in answer.content


def packed(content: bytes) -> dict[str, Any]:
    return {"content": gzip.compress(content), "headers": json_headers(content_encoding="gzip")}


def test_packed_message_is_unpacked(shop, clients):
    by_connect = clients().http.post(GET_PRODUCT, **packed(b'{"id": 1}'))
    by_grpc_web = clients().http.post(
        GET_PRODUCT,
        content=framed(gzip.compress(b"\x08\x01"), 1),
        headers={"content-type": "application/grpc-web", "grpc-encoding": "gzip"},
    )

    assert by_connect.json()["product"]["name"] == "Tea"
    assert b"Tea" in by_grpc_web.content


def test_packed_message_is_bounded_by_what_it_unpacks_to(tight):
    bomb = packed(b'{"after": "' + b"x" * 20_000_000 + b'"}')
    assert len(bomb["content"]) < MAX_BODY_BYTES

    answer = httpx.post(tight.url + GET_PRODUCT, **bomb)

    refusal = refusal_of(answer.json())
    assert (refusal.code, refusal.message) == ("RESOURCE_EXHAUSTED", f"Message max is {MAX_MESSAGE_BYTES} bytes")


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(b'{"id": 1}')[:-4], gzip.compress(b"{}") * 1_000], ids=["no", "half", "many"]
)
def test_packed_message_that_cant_be_unpacked_is_invalid(clients, content):
    answer = clients().http.post(GET_PRODUCT, content=content, headers=json_headers(content_encoding="gzip"))

    assert refusal_of(answer.json()).message == "The message can't be read"


def test_unknown_packing_is_unimplemented(clients):
    answer = clients().http.post(GET_PRODUCT, content=b"{}", headers=json_headers(content_encoding="br"))

    assert refusal_of(answer.json()).code == "UNIMPLEMENTED"
    assert refusal_of(answer.json()).reason == "unsupported_media_type"


def test_metadata_past_the_bound_is_refused(tight):
    headers = json_headers(x_more="x" * MAX_METADATA_BYTES)

    by_post = httpx.post(tight.url + GET_PRODUCT, content=b'{"id": 1}', headers=headers)
    by_get = httpx.get(tight.url + GET_PRODUCT, params={"encoding": "json", "message": '{"id": 1}'}, headers=headers)

    text = f"Metadata max is {MAX_METADATA_BYTES} bytes"
    assert [refusal_of(answer.json()).message for answer in (by_post, by_get)] == [text, text]


def test_budget_is_one_with_rest(shop):
    server = shop.start(RATE_LIMITS="on", RATE_ANONYMOUS_PER_MINUTE="3")
    client = WebClient(server.url)

    codes = [httpx.get(f"{server.url}/api/v1/products").status_code for _ in range(2)]
    client.call("ListProducts")
    answer = client.send("ListProducts")

    assert codes == [200, 200]
    refusal = refusal_of(answer.json())
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "rate_limited")
    assert answer.headers["retry-after"] == str(refusal.retry_after_s)


# -- Deadlines and threads --------------------------------------------------------------------------------------


@contextmanager
def locked(shop: WebShop, product: Product) -> Iterator[None]:
    """Let whoever would change the product wait."""
    with psycopg.connect(shop.database_url.replace("postgres://", "postgresql://")) as connection:
        connection.execute("SELECT 1 FROM catalog_product WHERE id = %s FOR UPDATE", [product.pk])
        yield
        connection.rollback()


@pytest.mark.parametrize("way", ["Connect JSON", "gRPC-Web"])
@pytest.mark.usefixtures("requires_postgresql")
def test_deadline_ends_the_call(shop, clients, way):
    deadline = {"connect-timeout-ms": "300", "grpc-timeout": "300m"}
    with locked(shop, tea(shop)):
        start = time.monotonic()
        refusal = clients("staff", way=way).refusal("UpdateProduct", id=1, stock=4, metadata=deadline)

    assert refusal.code == "DEADLINE_EXCEEDED"
    assert 0.3 <= time.monotonic() - start < 10


@pytest.mark.usefixtures("requires_postgresql")
def test_call_whose_deadline_is_over_is_not_begun_and_one_too_many_is_unavailable(shop):
    server = shop.start(WEB_THREADS="1", WEB_QUEUE="1")
    product, client = tea(shop), shop.caller("staff", server)
    with ThreadPoolExecutor(1) as pool:
        with locked(shop, product):
            running = pool.submit(client.call, "UpdateProduct", id=product.pk, stock=3)
            time.sleep(0.5)
            late = client.refusal("CreateProduct", name="Late", price=1, metadata={"connect-timeout-ms": "300"})
            refused = [client.send("GetProduct", id=product.pk)]
        running.result()
    client.call("GetProduct", id=product.pk)

    assert late.code == "DEADLINE_EXCEEDED"
    assert [(answer.status_code, answer.json()["message"]) for answer in refused] == [(503, "The server is busy")]
    with shop.database():
        assert not Product.objects.filter(name="Late").exists()


def test_database_that_is_gone_is_unavailable(shop):
    server = shop.start(DATABASE_URL="sqlite:////dev/null/nothing")

    refusal = WebClient(server.url).refusal("GetProduct", id=1)

    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "unavailable")
    assert refusal.message == "The database is unavailable"


def test_fault_is_internal_and_only_the_log_says_more(caplog):
    answer = answer_to(RuntimeError("secret"))

    assert (answer.error.code.value, answer.error.message, answer.code) == (
        "internal",
        "Internal server error",
        "INTERNAL",
    )
    assert b"secret" not in b"".join(detail.message_bytes for detail in answer.error.details)
    assert "secret" in caplog.text


# -- Streams from the client ------------------------------------------------------------------------------------


def rows_sent(client: WebClient, *frames: bytes, **headers: str) -> dict[str, Any]:
    """Send rows, and return the answer or the error."""
    answer = client.http.post(
        "/ecommerce.ProductService/BatchCreateProducts",
        content=b"".join(frames),
        headers=client.headers | {"content-type": "application/connect+json"} | headers,
    )
    parts, rest = [], answer.content
    while rest:
        length = int.from_bytes(rest[1:5], "big")
        parts.append(json.loads(rest[5 : 5 + length]))
        rest = rest[5 + length :]
    return parts[0] if "error" not in parts[-1] else parts[-1]["error"]


def row(**fields: Any) -> bytes:
    return framed(json.dumps(fields).encode())


def test_batch_is_taken_as_a_stream(shop, clients):
    before = count(shop)

    answer = rows_sent(clients("staff"), row(name="Cup", price=2), row(name="", price=2), row(name="Mug", price=3))

    assert answer["createdCount"] == 2
    assert [(failure["index"], failure["fields"]) for failure in answer["failures"]] == [
        (1, {"name": "Name is required"})
    ]
    assert count(shop) == before + 2


def test_batch_is_for_staff_and_needs_a_row(shop, clients):
    before = count(shop)

    by_nobody = rows_sent(clients(), row(name="Cup", price=2))
    of_nothing = rows_sent(clients("staff"))

    assert by_nobody["code"] == "unauthenticated"
    assert (of_nothing["code"], of_nothing["message"]) == (
        "invalid_argument",
        "A stream of 1 to 10000 rows is expected",
    )
    assert count(shop) == before


def test_batch_is_bounded_by_what_it_unpacks_to(shop, tight):
    client = shop.caller("staff", tight)
    big = json.dumps({"name": "Cup", "price": 2, "description": "x" * 25_000}).encode()
    before = count(shop)

    answer = rows_sent(
        client, *[framed(gzip.compress(big), 1)] * 3, **{"connect-content-encoding": "gzip", "batch-atomic": "call"}
    )

    assert answer["code"] == "resource_exhausted"
    assert answer["message"] == f"All messages together: max is {MAX_BODY_BYTES} bytes"
    assert count(shop) == before


def test_stream_both_ways_is_unimplemented_and_says_where_to_go(clients):
    answer = clients("staff").http.post(
        "/ecommerce.ProductService/LivePriceUpdates", headers={"content-type": "application/connect+json"}
    )

    error = json.loads(answer.content[5:])["error"]
    assert error["code"] == "unimplemented"
    assert "/ws/prices" in error["message"]


def test_host_that_is_not_served_is_refused(shop):
    answer = httpx.post(
        f"{shop.web.url}{GET_PRODUCT}",
        json={"id": 1},
        headers={"Host": "evil.example", "Connect-Protocol-Version": "1"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert answer.json()["message"] == "This host is not served here"
