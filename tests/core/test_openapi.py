"""The OpenAPI documents, one a version, and the page to try them on."""

import re
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

from core.protocols.rest.markup import write
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff

METHODS = ("get", "post", "put", "patch", "delete")
PRICES = {"v1": 6.5, "v2": {"amount": "6.50", "currency": "USD"}}
ALWAYS_TOLD = {"RateLimit", "RateLimit-Policy", "X-Request-ID"}
ALL_TOLD = {"ETag", "Last-Modified", "Link", "Location", "Retry-After", *ALWAYS_TOLD}


@cache
def document(version: str) -> dict[str, Any]:
    from core.openapi.pages import _document

    return _document(version)


def headers(version: str, path: str, method: str, status: int) -> set[str]:
    """Return the names of the headers that an answer is described with; each leads to its description."""
    answers = document(version)["paths"][f"/api/{version}{path}"][method]["responses"]
    answer = answers.get(str(status)) or answers["default"]
    components = document(version)["components"]
    if "$ref" in answer:
        answer = components["responses"][answer["$ref"].removeprefix("#/components/responses/")]
    assert all(components["headers"][name]["description"] for name in answer["headers"])
    assert all(found == {"$ref": f"#/components/headers/{name}"} for name, found in answer["headers"].items())
    return {*answer["headers"]}


def operations(version: str) -> list[tuple[str, str, dict[str, Any]]]:
    paths = document(version)["paths"].items()
    return [(path, method, operation) for path, methods in paths for method, operation in methods.items()]


def examples(version: str, path: str, method: str, status: str) -> Any:
    answer = document(version)["paths"][path][method]["responses"][status]
    (example,) = answer["content"]["application/json"]["examples"].values()
    return example["value"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("schema", "v1"),
        ("schema?version=v1", "v1"),
        ("schema?version=v2", "v2"),
        ("v1/schema", "v1"),
        ("v2/schema", "v2"),
    ],
)
def test_document_is_served_as_json(url, version):
    response = Api().get(f"http://testserver/api/{url}")

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["openapi"] == "3.1.1"
    assert {path[:8] for path in response.json()["paths"]} == {f"/api/{version}/"}


@pytest.mark.django_db
def test_document_names_the_server_that_sends_it():
    response = Api().get("http://testserver/api/schema")

    assert [server["url"] for server in response.json()["servers"]] == ["http://testserver"]


@pytest.mark.django_db
def test_document_of_an_unknown_version_is_refused():
    response = Api().get("http://testserver/api/schema?version=v3")

    assert (response.status_code, response.json()["error"]) == (400, "version must be one of v1, v2")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_operation_has_a_summary_an_example_and_its_errors(version):
    assert len(operations(version)) == 44
    for path, method, operation in operations(version):
        name = f"{method} {path}"
        assert operation["summary"], name
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}, name
        assert any(status.startswith("4") for status in operation["responses"]), name
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert "204" in operation["responses"] or "examples" in next(iter(success["content"].values())), name
        is_read_whole = "204" not in operation["responses"] and "text/event-stream" not in success["content"]
        assert not is_read_whole or {"application/json", "application/xml"} <= success["content"].keys(), name
        if name.endswith("/image"):
            binary = {"schema": {"type": "string", "format": "binary"}}
            assert set(map(str, operation.get("requestBody", {}).get("content", {}).values())) <= {str(binary)}
        elif "requestBody" in operation:
            assert "examples" in operation["requestBody"]["content"]["application/json"], name
            assert "400" in operation["responses"], name


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_common_refusals_are_described_once_with_an_example_each(version):
    default = document(version)["components"]["responses"]["Error"]

    examples = next(iter(default["content"].values()))["examples"]
    assert {*examples} == {"400", "401", "406", "413", "415", "429", "500", "503"}
    assert all(status in default["description"] for status in examples)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_operations_require_the_declared_token_unless_they_are_open(version):
    found = {operation["operationId"]: operation["security"] for _, _, operation in operations(version)}

    open_to_all = {name for name, security in found.items() if security == []}
    assert open_to_all == {
        *("signIn", "refreshToken", "signOut", "registerUser"),
        *("listCategories", "getCategory", "listProducts", "getProduct", "followProducts", "followProduct"),
    }
    assert all(found[name] == [{"bearer": []}] for name in found.keys() - open_to_all)
    assert document(version)["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_versions_have_the_same_operations():
    named = [
        [(path.replace(f"/api/{version}/", ""), method, operation["operationId"], operation["summary"])]
        for version in ("v1", "v2")
        for path, method, operation in operations(version)
    ]

    assert named[:44] == named[44:]


@pytest.mark.parametrize(("version", "page"), [("v1", ["pagination"]), ("v2", ["next_cursor"])])
def test_document_names_the_lists_as_they_are_answered(version, page):
    schemas = document(version)["components"]["schemas"]
    lists = {name: schema["required"] for name, schema in schemas.items() if "Paginated" in name}

    assert lists == {
        "PaginatedCategoryList": ["categories", *page],
        "PaginatedProductRowList": ["products", *page],
        "PaginatedOrderList": ["orders", *page],
        "PaginatedOrderRowList": ["user_id", "orders", *page],
        "PaginatedPriceChangeList": ["price_changes", *page],
        "PaginatedUserList": ["users", *page],
        "PaginatedProductHistoryList": ["changes", *page],
        "PaginatedOrderHistoryList": ["changes", *page],
    }


@pytest.mark.parametrize(
    ("version", "price", "url"),
    [
        ("v1", 6.5, "https://shop.example/api/v1/products/7"),
        ("v2", {"amount": "6.50", "currency": "USD"}, "https://shop.example/api/v2/products/7"),
    ],
)
def test_examples_and_schemas_are_of_the_version(version, price, url):
    product = examples(version, f"/api/{version}/products", "post", "201")
    row = examples(version, f"/api/{version}/products", "get", "200")["products"][0]
    schema = document(version)["components"]["schemas"]["ProductRow"]["properties"]["price"]

    assert (product["price"], product["_links"]["self"]) == (price, url)
    assert (row["price"], row["url"]) == (price, url)
    assert schema["type"] == ("number" if version == "v1" else "object")


@pytest.mark.parametrize(
    ("version", "price"), [("v1", "6.9"), ("v2", '{"amount":"6.90","currency":"USD"}')], ids=["v1", "v2"]
)
def test_example_of_a_stream_is_of_the_version(version, price):
    answer = document(version)["paths"][f"/api/{version}/products/events"]["get"]["responses"]["200"]
    (example,) = answer["content"]["text/event-stream"]["examples"].values()

    assert f'"new_price":{price},' in example["value"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_answer_names_its_headers(version):
    by_names = defaultdict(set)
    for path, method, operation in operations(version):
        place = path.removeprefix(f"/api/{version}")
        for status in operation["responses"]:
            names = headers(version, place, method, status)
            assert names >= ALWAYS_TOLD
            if status.startswith("2"):
                by_names[tuple(sorted(names - ALWAYS_TOLD))].add(f"{method} {place}")

    pages = ("ETag", "Link") if version == "v2" else ("ETag",)
    by_names.pop(())
    assert by_names[pages] >= {"get /products", "get /orders", "get /users", "get /users/{id}/orders"}
    assert by_names["ETag",] >= {"get /orders/{id}", "get /users/{id}", "get /users/me", "get /sales"}
    versioned = {f"{method} /products/{{id}}" for method in ("get", "put", "patch")} | {"put /products/{id}/image"}
    assert by_names["ETag", "Last-Modified"] == versioned | {"post /products/{id}/stock", "post /products/{id}/revert"}
    assert by_names["ETag", "Last-Modified", "Location"] == {"post /products"}
    assert by_names["Location",] == {*("post /categories", "post /orders", "post /price-changes", "post /users")}
    assert sum(map(len, by_names.values())) == 25


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_headers_that_are_described_are_told(version):
    user, product, other = make_staff(), make_product(stock=9), make_product()
    api, price = Api(user, f"/api/{version}"), PRICES[version]
    order = make_order(user, {product: 1})
    rows, account = "limit=1" if version == "v2" else "per_page=1", {"username": "ada", "password": "correct horse"}
    basket, made = {"items": [{"product_id": product.pk, "quantity": 1}]}, {"name": "Tea", "price": price}

    answers = {
        ("get", "/products"): api.get(f"/products?{rows}"),
        ("post", "/products"): api.post("/products", made),
        ("post", "/products/batch"): api.post("/products/batch", [made]),
        ("get", "/products/{id}"): api.get(f"/products/{product.pk}"),
        ("put", "/products/{id}"): api.put(f"/products/{product.pk}", made),
        ("patch", "/products/{id}"): api.patch(f"/products/{product.pk}", {"stock": 8}),
        ("delete", "/products/{id}"): api.delete(f"/products/{other.pk}"),
        ("post", "/orders"): api.post("/orders", basket),
        ("get", "/orders"): api.get(f"/orders?{rows}"),
        ("get", "/orders/{id}"): api.get(f"/orders/{order.pk}"),
        ("post", "/orders/{id}/pay"): api.post(f"/orders/{order.pk}/pay"),
        ("get", "/users/{id}/orders"): api.get(f"/users/{user.pk}/orders?{rows}"),
        ("post", "/users"): api.post("/users", account | {"email": "ada@example.com"}),
        ("get", "/users"): api.get(f"/users?{rows}"),
        ("get", "/users/me"): api.get("/users/me"),
        ("get", "/sales"): api.get("/sales?created_from=2026-11-01&created_to=2026-11-30"),
        ("post", "/auth/token"): api.post("/auth/token", account),
    }

    assert {answer.status_code for answer in answers.values()} == {200, 201, 204}
    for (method, path), answer in answers.items():
        assert {*answer.headers} & ALL_TOLD == headers(version, path, method, answer.status_code), (method, path)


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_headers_of_refusals_that_are_described_are_told(version, settings):
    settings.RATE_USER_PER_MINUTE = 5
    api = Api(make_staff(), f"/api/{version}")

    answers = [
        api.get("/orders", Accept="text/plain"),
        api.get("/orders", If_None_Match="*"),
        api.get("/orders", If_Match='"x"'),
        api.get("/orders?sort=x&limit=0&per_page=0"),
        api.get("/orders", Authorization="Bearer x"),
        *[api.get("/orders") for _ in range(3)],
    ]

    answers = {answer.status_code: answer for answer in answers}
    assert {*answers} == {200, 304, 400, 401, 406, 412, 429}
    for status, answer in answers.items():
        optional = {"Link"} if status == 200 else set()
        optional |= {"Retry-After"} if status == 406 else set()  # described with the other common refusals
        told = headers(version, "/orders", "get", status) - {"Accept", "Accept-Encoding"}
        assert {*answer.headers} & ALL_TOLD == told - optional, status


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_bodies_are_of_plain_types_and_answers_of_the_vendor_types_of_the_version_too(version):
    plain = "application/json", "application/xml"
    vendor = f"application/vnd.myapi.{version}+json", f"application/vnd.myapi.{version}+xml"
    described = [operation for _, _, operation in operations(version)]

    sent = Counter(tuple(operation["requestBody"]["content"]) for operation in described if "requestBody" in operation)
    success = [operation["responses"].keys() & {"200", "201", "204"} for operation in described]
    answered = Counter(
        tuple(operation["responses"][status].get("content", ()))
        for operation, (status,) in zip(described, success, strict=True)
    )

    images = "image/jpeg", "image/png", "image/webp", "application/octet-stream"
    assert sent == {plain: 16, (*plain, "application/x-ndjson"): 2, images: 1}
    assert answered == {(*plain, *vendor): 38, ("text/event-stream",): 2, (): 4}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_conditions_are_named_with_what_is_answered_when_they_do_not_hold(version):
    whole = {"If-Match", "If-None-Match"}, {"304", "412"}
    dated = whole[0] | {"If-Modified-Since", "If-Unmodified-Since"}, whole[1]
    change = {"If-Match", "If-None-Match", "If-Unmodified-Since"}, {"412"}

    found = {}
    for path, method, operation in operations(version):
        names = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}
        conditions = {name for name in names if name.startswith("If-")}
        statuses = {"304", "412"} & operation["responses"].keys()
        if conditions or statuses:
            found[method, path.removeprefix(f"/api/{version}")] = conditions, statuses

    reads = ("/products/{id}/history", "/orders/{id}/history", "/categories", "/categories/{id}")
    reads += ("/price-changes", "/price-changes/{id}", "/sales")
    reads += ("/products", "/orders", "/orders/{id}", "/users", "/users/{id}", "/users/me", "/users/{id}/orders")
    assert found == {
        **{("get", path): whole for path in reads},
        ("get", "/products/{id}"): dated,
        **{(method, "/products/{id}"): change for method in ("put", "patch", "delete")},
        **{(method, "/products/{id}/image"): change for method in ("put", "delete")},
    }


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/products", "/orders", "/users", "/users/{}/orders"])
def test_lists_answer_the_conditions_that_are_named(path):
    user = make_staff()
    path = path.format(user.pk)

    answers = [Api(user).get(path, If_None_Match="*"), Api(user).get(path, If_Match='"x"')]

    assert [answer.status_code for answer in answers] == [304, 412]


@pytest.mark.django_db
@pytest.mark.parametrize(("version", "price"), PRICES.items())
def test_batch_is_read_in_xml_of_the_names_that_are_described(version, price):
    described = document(version)["paths"][f"/api/{version}/products/batch"]["post"]["requestBody"]["content"]
    schema = described["application/xml"]["schema"]
    root, row = schema["xml"]["name"], schema["items"]["xml"]["name"]
    body = write(root, [{"name": "Tea", "price": price}, {"name": "Cake", "price": price}])
    staff = Api(make_staff(), f"/api/{version}")

    answer = staff.send("post", "/products/batch", body, "application/xml").json()

    assert (root, row, schema["xml"]["wrapped"]) == ("products", "product", True)
    assert "<products><product><name>Tea</name><price>" in body.decode()
    assert schema["items"]["$ref"] == described["application/json"]["schema"]["items"]["$ref"]
    assert (answer["created"], answer["failed"]) == (2, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("version", "price", "refusal"),
    [
        ("v1", PRICES["v1"], {"error", "code", "errors"}),
        ("v2", PRICES["v2"], {"type", "title", "detail", "code", "errors"}),
    ],
)
def test_rows_of_a_batch_are_described_as_the_version_answers_them(version, price, refusal):
    rows = [{"name": "Tea", "price": price}, {"name": "Cake", "price": True}]
    answer = Api(make_staff(), f"/api/{version}").post("/products/batch", rows).json()
    example = examples(version, f"/api/{version}/products/batch", "post", "200")
    schema = document(version)["components"]["schemas"]["BatchRow"]

    for made, refused in (answer["results"], example["results"]):
        assert {*made} == {"index", "status", "id", "url"}
        assert {*refused} == {"index", "status", *refusal}
    assert {*schema["properties"]} == {"index", "status", "id", "url", *refusal}
    assert schema["required"] == ["index", "status"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_descriptions_of_schemas_are_for_clients(version):
    schemas = document(version)["components"]["schemas"].items()
    described = {name: schema["description"] for name, schema in schemas if {"properties", "description"} <= {*schema}}
    described.pop("Problem", None)

    assert described == {
        "BasketRequest": "The lines of a new order; lines of the same product are merged.",
        "BatchRow": "The result of one row: the id and URL of the product or order, or the error.",
        "ChangedRow": "The result of one row: the id and URL of the product or order, or the error.",
        "FieldChange": (
            "A field before and after a change, as text. A new row has no old values, a deleted row no new ones."
        ),
        "MoveDetailsRequest": "The fields of an order that a move may set. All are optional.",
        "OrderMoveRequest": "An order to move, and the fields that its move may set.",
        "OrderMovesRequest": "A verb, and the orders to move.",
        "OrderHistory": "A change of an order.",
        "OrderRow": "An order in the list of a user's orders.",
        "PatchedProductChangeRequest": (
            "A change. If `version` is given and is not the current version, the change is refused."
        ),
        "PercentRequest": "The percentage.",
        "PriceChange": "A change of the prices of all products of a filter.",
        "PriceExample": "The old and the new price of a product.",
        "PricePreview": "The result of a change of prices, before it is made.",
        "RepricingRequest": "The percentage, and the preview that it was decided on.",
        "ProductHistory": (
            "A change of a product. `units` and `stock` are set if the stock changed: they are its ledger."
        ),
        "ProductReplacementRequest": (
            "A whole product. Name and price are required. Other missing fields return to their default."
        ),
        "ProductRow": "A product in a list.",
        "ReversalRequest": "The change to revert.",
        "SalesReport": "The sales of a period, and those of the period before.",
        "PeriodSales": "The figures of the orders that were placed in a period.",
        "DaySales": "The figures of the orders that were placed on a day.",
        "BestSeller": "A product, with its sales in the period.",
        "SkuChangeRequest": "New values of the product with this SKU. Fields that are left out stay as they are.",
        "StockCorrectionRequest": "Units to add to the stock, or to take from it, and the reason.",
    }


@pytest.mark.parametrize(
    ("version", "media_types"),
    [
        ("v1", ["application/json", "application/xml"]),
        ("v2", ["application/problem+json", "application/problem+xml"]),
    ],
)
def test_errors_are_described_in_the_form_they_have(version, media_types):
    responses = document(version)["components"]["responses"]

    assert {tuple(sorted(response["content"])) for response in responses.values() if "content" in response} == {
        tuple(media_types)
    }


@pytest.mark.parametrize(("query", "current"), [("", "v1"), ("?version=v2", "v2"), ("?version=x", "v1")])
def test_page_to_try_lets_one_choose_the_version(client, query, current):
    page = client.get(f"/api/docs{query}").content.decode()

    links = re.findall(r'<a href="\?version=(v\d)"[^>]*?( aria-current="page")?>', page)
    assert links == [(version, ' aria-current="page"' if version == current else "") for version in ("v1", "v2")]


def test_page_to_try_asks_no_other_host(client):
    page = client.get("/api/docs").content.decode()

    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(addresses) >= 4
    assert all(address == "/" or address.startswith(("/static/", "?version=", "/api/schema")) for address in addresses)
    assert "//cdn" not in page
    assert "&quot;validatorUrl&quot;: null" in page


@pytest.mark.parametrize("method", ["options", "post"])
def test_page_is_for_reading_alone(client, method):
    response = getattr(client, method)("/api/docs")

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
