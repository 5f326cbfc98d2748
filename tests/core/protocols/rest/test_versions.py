"""Which version answers, in which format, by the URL and by Accept."""

from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import OperationalError
from django.test import override_settings

from core.runtime import begin_runtime
from core.server.start.checks import v1_ends_after_it_is_deprecated
from tests.support.api import Api
from tests.support.factories import make_product, make_staff, make_user

pytestmark = pytest.mark.django_db
V1_JSON, V2_JSON, V1_XML, V2_XML = (
    f"application/vnd.myapi.{version}+{format}" for format in ("json", "xml") for version in ("v1", "v2")
)


def answered(path: str, accept: str) -> tuple[int, str, str]:
    """Return the status, the version that the body is in, and the Content-Type."""
    response = Api(base="/api").get(path, Accept=accept)
    body = response.content.decode()
    version = "v2" if "next_cursor" in body or "/api/problems/" in body else "v1"
    return response.status_code, version, response["Content-Type"]


@pytest.mark.parametrize(
    ("path", "accept", "version", "content_type"),
    [
        ("/products", "*/*", "v1", "application/json"),
        ("/products", "application/json", "v1", "application/json"),
        ("/products", "application/xml", "v1", "application/xml"),
        ("/products", V1_JSON, "v1", V1_JSON),
        ("/products", V2_JSON, "v2", V2_JSON),
        ("/products", V1_XML, "v1", V1_XML),
        ("/products", V2_XML, "v2", V2_XML),
        ("/products", f"{V1_JSON};q=0.5, {V2_JSON}", "v2", V2_JSON),
        ("/products", f"{V2_JSON};q=0.5, application/json", "v1", "application/json"),
        ("/products", "text/html, application/xml;q=0.9", "v1", "application/xml"),
        ("/products", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "v1", "application/json"),
        ("/products", f"text/html, {V2_XML}; charset=utf-8", "v2", V2_XML),
        ("/products", "text/xml", "v1", "text/xml"),
        ("/v2/products", "text/xml; charset=utf-8", "v2", "text/xml"),
        ("/products", "text/xml;q=0.4, application/json;q=0.5", "v1", "application/json"),
        ("/products", "text/html,text/xml,*/*;q=0.8", "v1", "application/json"),
        ("/v1/products", "", "v1", "application/json"),
        ("/v2/products", " , ", "v2", "application/json"),
        ("/products", "application/json;q=0, */*", "v1", "application/xml"),
        ("/products", "application/json;q=0, application/*;q=0.8", "v1", "application/xml"),
        ("/products", "application/json;q=0, application/xml;q=0, */*", "v1", V1_JSON),
        ("/products", "application/*;q=0, application/json, */*", "v1", "application/json"),
        ("/v1/products", "*/*", "v1", "application/json"),
        ("/v1/products", V1_XML, "v1", V1_XML),
        ("/v1/products", f"{V2_JSON}, application/json;q=0.1", "v1", "application/json"),
        ("/v2/products", "*/*", "v2", "application/json"),
        ("/v2/products", "application/xml", "v2", "application/xml"),
        ("/v2/products", V2_JSON, "v2", V2_JSON),
        ("/v2/products", V2_XML, "v2", V2_XML),
    ],
)
def test_version_and_format_are_those_asked_for(path, accept, version, content_type):
    assert answered(path, accept) == (200, version, content_type)


@pytest.mark.parametrize(
    ("path", "accept", "version"),
    [
        ("/v1/products", V2_JSON, "v1"),
        ("/v1/products", V2_XML, "v1"),
        ("/v2/products", V1_JSON, "v2"),
        ("/v2/products", f"{V1_JSON}, {V1_XML}, text/html", "v2"),
        ("/products", "application/vnd.myapi.v3+json", "v1"),
        ("/products", "application/vnd.myapi.v2+yaml", "v2"),
        ("/v2/products", "text/html", "v2"),
        ("/v2/products", "*/*, application/*;q=0, text/*;q=0", "v2"),
    ],
)
def test_url_and_header_that_disagree_are_406(path, accept, version):
    suffix = "problem+json" if version == "v2" else "json"

    assert answered(path, accept) == (406, version, f"application/{suffix}")


@pytest.mark.parametrize(
    ("path", "accept", "url"),
    [
        ("/products/{}", "*/*", "/api/v1/products/{}"),
        ("/products/{}", V2_JSON, "/api/v2/products/{}"),
        ("/v2/products/{}", "*/*", "/api/v2/products/{}"),
    ],
)
def test_urls_in_a_body_name_the_version(path, accept, url):
    pk = make_product().pk

    body = Api(base="/api").get(path.format(pk), Accept=accept).json()

    assert body["_links"]["self"] == f"http://testserver{url.format(pk)}"


@pytest.mark.parametrize(
    ("base", "content_type", "accept", "status"),
    [
        ("/api/v2", V2_JSON, "*/*", 201),
        ("/api/v2", "Application/Vnd.MyApi.V2+JSON", "*/*", 201),
        ("/api", V2_JSON, V2_JSON, 201),
        ("/api", V2_JSON, "*/*", 415),
        ("/api/v1", V2_JSON, "*/*", 415),
        ("/api/v2", V1_JSON, "*/*", 415),
        ("/api/v2", "application/vnd.myapi.v2+yaml", "*/*", 415),
        ("/api/v2", "application/vnd.myapi.v2+x-ndjson", "*/*", 415),
    ],
)
def test_body_of_a_vendor_type_is_read_in_its_own_version_alone(base, content_type, accept, status):
    body = '{"name": "Tea", "price": {"amount": "1", "currency": "USD"}}'

    response = Api(make_staff(), base).send("post", "/products", body, content_type, Accept=accept)

    assert response.status_code == status


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/v2/nothing", "application/problem+json"),
        ("/api/v2", "application/problem+json"),
        ("/api/v2/products/abc", "application/problem+json"),
        ("/api/v1/nothing", "application/json"),
        ("/api/v3/products", "application/json"),
        ("/api", "application/json"),
        ("/api/", "application/json"),
        ("/api//v2/products", "application/json"),
    ],
)
def test_unknown_path_is_answered_in_the_version_of_its_url(path, content_type):
    response = Api().get(f"http://testserver{path}")

    assert (response.status_code, response["Content-Type"]) == (404, content_type)


@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_refusal_is_in_the_version_and_format_asked_for(version, format, monkeypatch):
    make_product()
    user, base, accept = make_user(), f"/api/{version}", f"application/{format}"

    def gone(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection")

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret")

    def asked(api: Api, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return api.send(method, path, body, Accept=accept, **headers)

    answers = {
        400: asked(Api(base=base), "get", "/products?sort=x"),
        401: asked(Api(base=base), "get", "/orders"),
        403: asked(Api(user, base), "post", "/products", {}),
        404: asked(Api(base=base), "get", "/products/0"),
        405: asked(Api(base=base), "delete", "/products"),
        415: asked(Api(user, base), "post", "/orders", "a=1", content_type="text/plain"),
    }
    with override_settings(MAX_BODY_BYTES=10):
        answers[413] = asked(Api(user, base), "post", "/orders", {"items": []})
    begin_runtime()
    with override_settings(RATE_LIMITS=True, RATE_ANONYMOUS_PER_MINUTE=0):
        answers[429] = asked(Api(base=base), "get", "/products")
    begin_runtime()
    monkeypatch.setattr("catalog.querysets.ProductQuerySet.visible_to", gone)
    answers[503] = asked(Api(base=base), "get", "/products")
    monkeypatch.setattr("core.protocols.rest.views.ShopView.finalize_response", broken)
    answers[500] = asked(Api(base=base), "get", "/products")

    kind = f"application/{'problem+' if version == 'v2' else ''}{format}"
    for status, response in answers.items():
        assert (response.status_code, response["Content-Type"]) == (status, kind)
        body = response.json() if format == "json" else in_xml(response.content)
        assert body["request_id"] == response["X-Request-ID"]
        assert version == "v1" or str(body["status"]) == str(status)


def in_xml(content: bytes) -> dict[str, str | None]:
    root = ElementTree.fromstring(content)
    assert root.tag in ("response", "{urn:ietf:rfc:7807}problem")
    return {child.tag.rpartition("}")[2]: child.text for child in root}


def test_unknown_host_is_refused_in_the_version_and_format_asked_for():
    response = Api(base="/api/v2").get("/products", Host="evil.example", Accept="application/xml")

    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+xml")
    assert in_xml(response.content)["code"] == "invalid_input"


# -- The end of v1 ----------------------------------------------------------------------------------------------
ENDING = {"V1_DEPRECATED_ON": date(2027, 1, 31), "V1_SUNSET_ON": date(2027, 7, 31)}


@pytest.mark.parametrize(
    ("path", "successor"),
    [
        ("/api/v1/products", "/api/v2/products"),
        ("/api/products", "/api/v2/products"),
        ("/api/v1/products/0", "/api/v2/products/0"),
        ("/api/v1/orders", "/api/v2/orders"),
    ],
)
def test_v1_says_when_it_ends_and_where_to_go(path, successor):
    with override_settings(**ENDING):
        response = Api().get(f"http://testserver{path}")

    assert (response["Deprecation"], response["Sunset"]) == ("@1801353600", "Sat, 31 Jul 2027 00:00:00 GMT")
    assert response["Link"] == (
        f'</api/docs?version=v2>; rel="deprecation"; type="text/html", <{successor}>; rel="successor-version"'
    )


@pytest.mark.parametrize("path", ["/api/v2/products", "/api/schema", "/graphql?query={__typename}"])
def test_nothing_else_ends(path):
    with override_settings(**ENDING):
        response = Api().get(f"http://testserver{path}", GraphQL_Require_Preflight="1")

    assert response.status_code == 200
    assert not {"Deprecation", "Sunset", "Link"} & {*response.headers}


def test_v1_does_not_end_unless_a_setting_says_so():
    assert not {"Deprecation", "Sunset", "Link"} & {*Api().get("/products").headers}


@pytest.mark.parametrize(
    ("deprecated_on", "sunset_on", "errors"),
    [
        (None, None, []),
        (date(2027, 1, 31), None, []),
        (date(2027, 1, 31), date(2027, 1, 31), []),
        (None, date(2027, 1, 31), ["ecommerce.E002"]),
        (date(2027, 2, 1), date(2027, 1, 31), ["ecommerce.E002"]),
    ],
)
def test_end_before_it_is_announced_is_a_mistake(deprecated_on, sunset_on, errors, settings):
    settings.V1_DEPRECATED_ON, settings.V1_SUNSET_ON = deprecated_on, sunset_on

    assert [message.id for message in v1_ends_after_it_is_deprecated()] == errors
