"""JSON and XML that would take long to read are refused before they are read, in every protocol."""

import time
from itertools import repeat

import pytest

from core.errors import TooComplex
from core.protocols.connect.messages import JSON, Sent, messages_of
from core.protocols.rest import markup
from core.validation.containers import MAX_CONTAINERS
from core.validation.strict_json import loads
from protos.product_pb2 import CreateProductRequest
from tests.support.api import Api
from tests.support.connect import WebClient
from tests.support.factories import make_staff
from tests.support.graph import Graph, error_of

TOO_MANY = "at most 20000 objects and lists"
LISTS = ",".join(repeat("[]", 1_000_000))
ROW = '{"name": "Tea [green] {loose}", "price": {"amount": "9.99", "currency": "USD"}}'


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/products", f"[{LISTS}]", "application/json"),
        ("/products/batch", f"[{LISTS}]", "application/json"),
        ("/products/batch", LISTS.replace(",", "\n"), "application/x-ndjson"),
        ("/orders", f'{{"items": [{LISTS}]}}', "application/json"),
    ],
)
def test_rest_refuses_a_million_lists(path, body, content_type):
    answer = Api(make_staff()).send("post", path, body, content_type=content_type)

    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (400, "too_complex", TOO_MANY)


@pytest.mark.django_db
def test_rest_refuses_a_million_elements():
    document = f"<items>{'<item/>' * 700_000}</items>"

    answer = Api(make_staff()).send("post", "/orders", document, content_type="application/xml")

    assert (answer.status_code, answer.json()["code"]) == (400, "too_complex")
    assert answer.json()["error"] == "elements max is 100000"


@pytest.mark.django_db
def test_graphql_refuses_as_many_lists_as_rest():
    body = f'{{"query": "{{ me {{ pk }} }}", "variables": {{"x": [{LISTS[:300_000]}[]]}}}}'

    error = error_of(Graph().post(body))

    assert (error["code"], error["message"]) == ("TOO_COMPLEX", TOO_MANY)


def test_connect_refuses_as_many_objects_as_rest(live_shop):
    url = live_shop().url
    client = WebClient(url)
    content = f'{{"items": [{LISTS.replace("[]", "{}")}]}}'
    start = time.monotonic()

    answer = client.http.post(
        "/ecommerce.OrderService/PlaceOrder", content=content, headers={"content-type": "application/json"}
    )

    assert answer.json()["code"] == "unauthenticated"  # the caller comes first
    answer = client.http.post(
        "/ecommerce.ProductService/GetProduct", content=content, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["message"]) == (400, TOO_MANY)
    assert time.monotonic() - start < 10


def test_batch_of_the_largest_size_is_read_in_every_format():
    rows = list(repeat(ROW, 10_000))
    row = "<product><name>a</name><price><amount>1</amount><currency>USD</currency></price><stock>1</stock></product>"

    assert len(loads(f"[{','.join(rows)}]")) == 10_000
    assert len(markup.read_xml(f"<products>{row * 10_000}</products>".encode())) == 10_000


def test_limit_is_exact_and_counts_no_brackets_in_texts():
    at_limit = f"[{','.join(repeat('[]', MAX_CONTAINERS))}]"
    texts = f'["{"[" * 50_000}", "\\"{"{" * 50_000}", "\\\\"]'

    assert len(loads(at_limit)) == MAX_CONTAINERS
    assert [len(text) for text in loads(texts)] == [50_000, 50_001, 1]
    with pytest.raises(TooComplex, match=TOO_MANY):
        loads(at_limit.replace("[[", "[[],[", 1))


@pytest.mark.parametrize("text", ['"' + '\\"' * 2_000_000, '"\\' * 2_000_000, '"' * 4_000_000, '["' + "x" * 4_000_000])
def test_texts_without_an_end_take_no_longer(text):
    start = time.monotonic()

    with pytest.raises(TooComplex):
        loads("[" * 30_000 + text)

    assert time.monotonic() - start < 10


def test_messages_of_one_call_share_the_limit():
    message = Sent(JSON, b'{"name": "Tea", "other": [{}, {}]}')

    read = messages_of(repeat(message, MAX_CONTAINERS // 4 + 1), CreateProductRequest)

    assert [next(read).name for _ in range(MAX_CONTAINERS // 4)] == ["Tea"] * (MAX_CONTAINERS // 4)
    with pytest.raises(TooComplex, match=TOO_MANY):
        next(read)
