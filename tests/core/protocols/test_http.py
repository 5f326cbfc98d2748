"""HTTP itself: content codings, charsets, media types and paths, the same for every protocol that it carries."""

import gzip
import json
import zlib
from collections.abc import Callable

import httpx
import pytest
from django.http import HttpResponse

from catalog.models import Product
from tests.support.api import Api
from tests.support.factories import make_product, make_staff
from tests.support.graph import URL
from tests.support.live import Shop

PRODUCT = {"name": "Grünkohltee", "price": 3}
MUTATION = {"query": 'mutation { createProduct(name: "Grünkohltee", price: 3) { ok } }'}
BOM = b"\xef\xbb\xbf"
JSON_TYPES = "application/json, application/xml, text/xml, application/vnd.myapi.v1+json, application/vnd.myapi.v1+xml"
XML = "<product><name>Grünkohltee</name><price>3</price></product>"
GET_PRODUCT = "/ecommerce.ProductService/GetProduct"

Send = Callable[..., HttpResponse]


def text_of(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def post_rest(content: bytes, content_type: str = "application/json", **headers: str) -> HttpResponse:
    return Api(make_staff()).send("post", "/products", content, content_type, **headers)


def post_graphql(content: bytes, content_type: str = "application/json", **headers: str) -> HttpResponse:
    return Api(make_staff()).send("post", URL, content, content_type, **headers)


BOTH = pytest.mark.parametrize(
    ("send", "body"),
    [(post_rest, text_of(PRODUCT)), (post_graphql, text_of(MUTATION))],
    ids=["REST", "GraphQL"],
)


# -- Content codings --------------------------------------------------------------------------------------------
@pytest.mark.django_db
@BOTH
@pytest.mark.parametrize(
    ("coding", "code"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", bytes), ("identity, x-nothing", bytes)],
)
def test_body_in_a_content_coding_is_415_and_names_the_one_that_is_read(send: Send, body, coding, code) -> None:
    response = send(code(body), Content_Encoding=coding)

    assert (response.status_code, response["Accept-Encoding"]) == (415, "identity")
    assert f"Content-Encoding {coding} is not supported" in response.content.decode()
    assert not {"Accept", "Accept-Post"} & {*response.headers}
    assert not Product.objects.exists()


@pytest.mark.django_db
@BOTH
@pytest.mark.parametrize("coding", ["identity", "Identity, identity", ""])
def test_body_in_no_content_coding_is_read(send: Send, body, coding) -> None:
    assert send(body, Content_Encoding=coding).status_code in (200, 201)
    assert Product.objects.get().name == "Grünkohltee"


@pytest.mark.django_db
@pytest.mark.parametrize("content_type", ["application/xml", "application/x-ndjson"])
def test_no_other_media_type_may_be_compressed_either(content_type: str) -> None:
    path = "/products/batch" if "ndjson" in content_type else "/products"

    response = Api(make_staff()).send("post", path, text_of(PRODUCT), content_type, Content_Encoding="gzip")

    assert (response.status_code, response["Accept-Encoding"]) == (415, "identity")
    assert not Product.objects.exists()


# -- Charsets ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@BOTH
@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "utf8", "us-ascii", ""])
def test_json_in_utf8_is_read(send: Send, body, charset) -> None:
    assert send(body, f"application/json; charset={charset}").status_code in (200, 201)
    assert Product.objects.get().name == "Grünkohltee"


@pytest.mark.django_db
@BOTH
@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "windows-1252", "nothing"])
def test_json_that_names_another_charset_is_415(send: Send, body, charset) -> None:
    response = send(body, f"application/json; charset={charset}")

    assert response.status_code == 415
    assert "The charset of JSON must be UTF-8" in response.content.decode()
    assert "application/json" in response["Accept"]
    assert not Product.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "iso-8859-1"])
def test_xml_is_read_in_the_charset_that_it_names(charset: str) -> None:
    response = post_rest(XML.encode(charset), f"text/xml; charset={charset}")

    assert response.status_code == 201
    assert Product.objects.get().name == "Grünkohltee"


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-32", "shift-jis", "nothing"])
def test_xml_in_a_charset_that_is_not_read_is_415(charset: str) -> None:
    response = post_rest(XML.encode(), f"application/xml; charset={charset}")

    assert (response.status_code, response.json()["error"]) == (415, f"charset {charset} is not supported")
    assert not Product.objects.exists()


# -- Byte order marks -------------------------------------------------------------------------------------------
@pytest.mark.django_db
@BOTH
def test_byte_order_mark_before_json_is_ignored(send: Send, body) -> None:
    assert send(BOM + body).status_code in (200, 201)
    assert Product.objects.get().name == "Grünkohltee"


@pytest.mark.django_db
def test_byte_order_mark_before_lines_of_json_is_ignored() -> None:
    lines = BOM + b"\n" + text_of(PRODUCT) + b"\n" + text_of(PRODUCT)

    response = Api(make_staff()).send("post", "/products/batch", lines, "application/x-ndjson")

    assert (response.status_code, Product.objects.count()) == (200, 2)


@pytest.mark.django_db
def test_byte_order_mark_is_ignored_in_variables_in_a_url() -> None:
    make_product(name="Tea")
    query = {"query": "query ($q: String!) { searchProducts(query: $q) { name } }", "variables": '\ufeff{"q": "te"}'}

    response = Api().client.get("/graphql", query, headers={"GraphQL-Require-Preflight": "1"})

    assert response.json()["data"] == {"searchProducts": [{"name": "Tea"}]}


@pytest.mark.django_db
def test_second_byte_order_mark_is_400() -> None:
    response = post_rest(BOM + BOM + text_of(PRODUCT))

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert not Product.objects.exists()


# -- Media types ------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("content_type", ["text/xml", "Text/XML; charset=utf-8"])
def test_text_xml_is_read_and_written_as_application_xml_is(content_type: str) -> None:
    response = post_rest(XML.encode(), content_type, Accept="text/xml")

    assert (response.status_code, response["Content-Type"]) == (201, "text/xml")
    assert response.content.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<product ')
    assert Product.objects.get().name == "Grünkohltee"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/v1/products/0", "text/xml"),
        ("/api/v1/nothing", "text/xml"),
        ("/api/v2/products/0", "application/problem+xml"),
    ],
)
def test_refusal_is_in_xml_if_the_client_accepts_text_xml(path: str, content_type: str) -> None:
    response = Api(base="").get(path, Accept="text/xml")

    assert (response.status_code, response["Content-Type"]) == (404, content_type)
    assert response.content.startswith(b"<?xml ")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/schema", "/api/docs", "/graphql?query={__typename}", "/api/problems/not_found"])
def test_empty_accept_header_accepts_anything(path: str) -> None:
    response = Api(base="").get(path, Accept="", GraphQL_Require_Preflight="1")

    assert response.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("patch", "/api/v1/products/{}", {"Accept", "Accept-Patch"}),
        ("put", "/api/v1/products/{}", {"Accept", "Accept-Patch"}),
        ("post", "/api/v1/products", {"Accept", "Accept-Post"}),
        ("options", "/api/v1/products", {"Accept-Post"}),
        ("options", "/api/v1/products/{}", {"Accept-Patch"}),
        ("options", "/api/v1/users/me", set()),
    ],
)
def test_415_and_options_name_the_media_types_that_a_body_may_have(method: str, path: str, names: set[str]) -> None:
    product = make_product(name="Tea")

    response = Api(make_staff(), base="").send(method, path.format(product.pk), "name=x", content_type="text/plain")

    assert response.status_code == (200 if method == "options" else 415)
    named = {name: value for name, value in response.headers.items() if name.startswith("Accept")}
    assert named == dict.fromkeys(names, JSON_TYPES)
    assert Product.objects.get().name == "Tea"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("/api/v1/products/batch", JSON_TYPES.replace("text/xml", "application/x-ndjson, text/xml")),
        ("/api/v2/products", JSON_TYPES.replace("v1", "v2")),
        ("/graphql", "application/json"),
    ],
)
def test_415_names_the_media_types_of_that_resource(path: str, types: str) -> None:
    response = Api(make_staff(), base="").send("post", path, "a=1", content_type="text/plain")

    assert (response.status_code, response["Accept"], response["Accept-Post"]) == (415, types, types)


# -- A real server ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    shop: Shop = live_shops()
    with shop.database():
        make_product(name="Tea", pk=1)
    return shop


def sent(shop: Shop, path: str, content: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{shop.url}{path}", content=content, headers={"content-type": "application/json"} | named)


def test_connect_ignores_a_byte_order_mark(shop: Shop) -> None:
    answer = sent(shop, GET_PRODUCT, BOM + b' {"id": 1}')

    assert (answer.status_code, answer.json()["product"]["name"]) == (200, "Tea")


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "nothing"])
def test_connect_refuses_json_that_names_another_charset(shop: Shop, charset: str) -> None:
    answer = sent(shop, GET_PRODUCT, b'{"id": 1}', content_type=f"application/json; charset={charset}")

    assert (answer.status_code, answer.content) == (415, b"")


@pytest.mark.parametrize("path", ["/api/v1/auth/token", "/graphql", "/admin/login/", GET_PRODUCT])
def test_content_type_that_can_not_be_parsed_is_no_fault(shop: Shop, path: str) -> None:
    answer = sent(shop, path, b"{}", content_type="application/json; charset*=nothing''x")

    assert answer.status_code == (415 if path == GET_PRODUCT else 400)
    assert "Traceback" not in shop.servers[0].log


@pytest.mark.parametrize("path", ["/api/v1/products?q=tea", "/graphql?query=x", "/admin/login/?next=x"])
@pytest.mark.parametrize("charset", ["base64", "idna", "undefined"])
def test_charset_that_decodes_no_text_is_refused(shop: Shop, path: str, charset: str) -> None:
    answer = httpx.get(f"{shop.url}{path}", headers={"content-type": f"text/plain; charset={charset}"})

    assert answer.status_code == 415
    assert f"charset {charset} is not supported" in answer.text
    assert "Traceback" not in shop.servers[0].log


@pytest.mark.parametrize("charset", ["utf-16", "nothing"])
def test_charset_of_no_body_is_ignored(shop: Shop, charset: str) -> None:
    url = f"{shop.url}/api/v1/products/1?lang=en"

    assert httpx.get(url, headers={"content-type": f"text/plain; charset={charset}"}).json()["name"] == "Tea"


def test_accept_that_can_not_be_parsed_is_no_fault(shop: Shop) -> None:
    body = text_of({"query": "subscription { productUpdated { kind } }"})

    answer = sent(shop, "/graphql", body, accept="application/json; x*=nothing''y")

    (error,) = answer.json()["errors"]
    assert error["message"] == "A subscription needs Accept: text/event-stream, or a WebSocket"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("//api", "application/json"),
        ("//api/v1/products", "application/json"),
        ("//api/v1", "application/json"),
        ("///api/v2/products", "application/problem+json"),
        ("//graphql", "application/json"),
        ("//health/live", "application/json"),
    ],
)
def test_path_of_an_api_with_more_slashes_is_404_in_the_format_of_that_api(shop: Shop, path, content_type) -> None:
    answer = httpx.get(f"{shop.url}{path}", headers={"accept": "*/*"})

    assert (answer.status_code, answer.headers["content-type"]) == (404, content_type)
    assert "Resource not found" in answer.text
