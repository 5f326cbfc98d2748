"""Products over REST v1."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.models import Product
from tests.support.api import Api, errors_of
from tests.support.factories import make_product, make_staff, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Api:
    return Api(make_staff())


def names(response) -> list[str]:
    return [row["name"] for row in response.json()["products"]]


def test_list_shows_rows_and_the_page():
    product = make_product(name="Tea", price=Decimal("19.99"), stock=3)

    response = Api().get("/products")

    assert response.status_code == 200
    assert response.json() == {
        "products": [
            {
                "id": product.pk,
                "name": "Tea",
                "price": 19.99,
                "stock": 3,
                "url": f"http://testserver/api/v1/products/{product.pk}",
            }
        ],
        "pagination": {"page": 1, "per_page": 20, "total": 1, "pages": 1, "next": None, "prev": None},
    }


def test_page_links_keep_every_other_parameter():
    for n in range(5):
        make_product(name=f"Tea {n}", price=n + 1)

    first = Api().get("/products?sort=price&order=asc&per_page=2&q=tea&page=1").json()
    second = Api().get(first["pagination"]["next"]).json()

    assert [row["price"] for row in first["products"]] == [1.0, 2.0]
    assert [row["price"] for row in second["products"]] == [3.0, 4.0]
    assert (
        second["pagination"]["prev"] == "http://testserver/api/v1/products?order=asc&page=1&per_page=2&q=tea&sort=price"
    )
    assert second["pagination"] | {"next": "", "prev": ""} == {
        "page": 2,
        "per_page": 2,
        "total": 5,
        "pages": 3,
        "next": "",
        "prev": "",
    }


@pytest.mark.parametrize("page", [2, 10**6, 10**17])
def test_page_past_the_end_is_empty(page):
    make_product()

    response = Api().get(f"/products?page={page}")

    assert response.status_code == 200
    assert response.json()["products"] == []
    assert response.json()["pagination"]["prev"] == "http://testserver/api/v1/products?page=1"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=name&order=asc", ["Anise", "Basil", "Cumin"]),
        ("sort=name&order=desc", ["Cumin", "Basil", "Anise"]),
        ("sort=price&order=asc", ["Basil", "Anise", "Cumin"]),
        ("sort=stock&order=desc", ["Basil", "Cumin", "Anise"]),
        ("sort=id&order=asc", ["Basil", "Anise", "Cumin"]),
        ("", ["Cumin", "Anise", "Basil"]),
        ("sort=updated_at&order=asc", ["Anise", "Cumin", "Basil"]),
    ],
)
def test_sort_keys(query, expected):
    basil = make_product(name="Basil", price=2, stock=9)
    make_product(name="Anise", price=3, stock=0)
    make_product(name="Cumin", price=3, stock=5)
    Product.objects.filter(pk=basil.pk).update(updated_at=timezone.now() + timedelta(hours=1))

    assert names(Api().get(f"/products?{query}")) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=TEA", ["Green tea", "Teapot"]),
        ("q=100%25", ["100% wool"]),
        ("q=_", []),
        ("q=CAFÉ", ["Café au lait"]),
        ("min_price=5", ["Teapot", "100% wool"]),
        ("max_price=4.50", ["Green tea", "Café au lait"]),
        ("max_price=4.500", ["Green tea", "Café au lait"]),
        ("min_price=5." + "0" * 40, ["Teapot", "100% wool"]),
        ("min_price=0.5e1", ["Teapot", "100% wool"]),
        ("min_price=3&max_price=5", ["Café au lait", "Teapot"]),
        ("in_stock=true", ["Green tea", "Teapot", "100% wool"]),
        ("in_stock=0", ["Café au lait"]),
        ("sku=te-1", ["Teapot"]),
        ("sku=TE-1&max_price=4", []),
        ("sku=te", []),
        ("sku=tä-1", []),
        ("q=&in_stock=&sku=", ["Green tea", "Café au lait", "Teapot", "100% wool"]),
    ],
)
def test_filters(query, expected):
    for name, price, stock in (("Green tea", 2, 1), ("Café au lait", 4, 0), ("Teapot", 5, 2), ("100% wool", 9, 1)):
        make_product(name=name, price=price, stock=stock, sku="Te-1" if name == "Teapot" else None)

    response = Api().get(f"/products?sort=id&order=asc&{query}")

    assert names(response) == expected
    assert response.json()["pagination"]["total"] == len(expected)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("per_page=101", "per_page max is 100"),
        ("per_page=0", "per_page must be a positive integer"),
        ("per_page=x", "per_page must be a positive integer"),
        ("page=0", "page must be a positive integer"),
        ("page=-1", "page must be a positive integer"),
        ("page=1.5", "page must be a positive integer"),
        ("page=" + "9" * 5000, "page max is 999999999999999999"),
        ("page=1000000000000000000", "page max is 999999999999999999"),
        ("per_page=" + "9" * 5000, "per_page max is 100"),
        ("page=%D9%A1", "page must be a positive integer"),
        ("sort=colour", "sort must be one of id, name, price, stock, created_at, updated_at"),
        ("order=up", "order must be one of asc, desc"),
        ("min_price=cheap", "min_price must be a number"),
        ("min_price=NaN", "min_price must be a number"),
        ("min_price=1_0", "min_price must be a number"),
        ("min_price=%D9%A1", "min_price must be a number"),
        ("min_price=1.0001", "min_price has too many decimals"),
        ("max_price=1e400", "max_price has too many digits"),
        ("max_price=1.234", "max_price has too many decimals"),
        ("in_stock=maybe", "in_stock must be true or false"),
        ("q=%00", "q: Null characters are not allowed."),
    ],
)
def test_bad_parameter_is_named(query, message):
    response = Api().get(f"/products?{query}")

    assert response.status_code == 400
    assert errors_of(response)["error"] == message
    assert errors_of(response)["code"] == "invalid_input"


@pytest.mark.parametrize("rows", [1, 25, 100])
def test_list_takes_two_statements_however_long(rows, unlimited, django_assert_num_queries):
    Product.objects.bulk_create(Product(name=f"p{n}", price=1) for n in range(rows))

    with django_assert_num_queries(2):
        assert len(Api().get(f"/products?per_page={rows}").json()["products"]) == rows


def test_detail_shows_every_field_and_takes_one_statement(unlimited, django_assert_num_queries):
    product = make_product(name="Tea", price=Decimal("2.50"), stock=3, sku="TEA", description="Loose.")
    url = f"http://testserver/api/v1/products/{product.pk}"

    with django_assert_num_queries(1):
        response = Api().get(f"/products/{product.pk}")

    body = response.json()
    moments = {"created_at": body.pop("created_at"), "updated_at": body.pop("updated_at")}
    assert all(text.endswith("Z") for text in moments.values())
    assert body == {
        "id": product.pk,
        "name": "Tea",
        "description": "Loose.",
        "image": None,
        "thumbnail": None,
        "price": 2.5,
        "stock": 3,
        "reorder_level": 5,
        "sku": "TEA",
        "category_id": None,
        "version": 1,
        "_links": {"self": url, "update": url, "delete": url},
    }


def test_create_answers_with_the_product_and_where_it_is(staff):
    response = staff.post("/products", {"name": " Tea ", "price": 19.99})

    product = Product.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"http://testserver/api/v1/products/{product.pk}"
    assert response.json()["_links"]["self"] == response["Location"]
    assert (product.name, product.price, product.stock, product.sku) == ("Tea", Decimal("19.99"), 0, None)
    assert Api().get(response["Location"]).json() == response.json()


REQUIRED = {"name": "Name is required", "price": "Valid price is required"}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"name": None}, {"name": "Name is required"}),
        ({"name": "  "}, {"name": "Name is required"}),
        ({"name": 7}, {"name": "Valid name is required"}),
        ({"name": "x" * 201}, {"name": "Name has at most 200 characters"}),
        ({"name": "a\0b"}, {"name": "Null characters are not allowed."}),
        ({"name": "a\ud800b"}, {"name": "Surrogate characters are not allowed."}),
        ({"price": None}, {"price": "Valid price is required"}),
        ({"price": "free"}, {"price": "Valid price is required"}),
        ({"price": True}, {"price": "Valid price is required"}),
        ({"price": 0}, {"price": "Valid price is required"}),
        ({"price": -1}, {"price": "Valid price is required"}),
        ({"price": 1.234}, {"price": "Valid price is required: at most 2 decimals"}),
        ({"price": "9" * 400}, {"price": "Valid price is required: too many digits"}),
        ({"price": "NaN"}, {"price": "Valid price is required"}),
        ({"price": "Infinity"}, {"price": "Valid price is required"}),
        ({"stock": -1}, {"stock": "Valid stock is required"}),
        ({"stock": 2**31}, {"stock": "Valid stock is required: at most 2147483647"}),
        ({"stock": 1.5}, {"stock": "Valid stock is required"}),
        ({"stock": True}, {"stock": "Valid stock is required"}),
        ({"sku": "ä"}, {"sku": "Only printable ASCII characters are allowed."}),
        ({"sku": "x" * 65}, {"sku": "SKU has at most 64 characters"}),
        ({"description": None}, {"description": "Description is required"}),
        ({"name": "", "price": ""}, REQUIRED),
    ],
)
def test_invalid_field_is_refused_with_one_text(staff, fields, errors):
    response = staff.post("/products", {"name": "Tea", "price": 1} | fields)

    assert response.status_code == 400
    assert errors_of(response) == {"error": "; ".join(errors.values()), "code": "invalid_input", "errors": errors}
    assert not Product.objects.exists()


def test_create_without_anything_names_what_is_required(staff):
    assert errors_of(staff.post("/products", {}))["errors"] == REQUIRED


@pytest.mark.parametrize("text", ["1_0", "٩", "1e1", "+5", "0x5", "", "5 0"])
@pytest.mark.parametrize(("name", "other"), [("price", {}), ("stock", {"price": 1})])
def test_text_that_only_python_reads_as_a_number_is_refused(staff, name, other, text):
    response = staff.post("/products", {"name": "Tea", **other, name: text})

    assert (response.status_code, response.json()["errors"]) == (400, {name: f"Valid {name} is required"})
    assert not Product.objects.exists()


@pytest.mark.parametrize(("sent", "stock"), [("12", 12), ("12.0", 12), ("1e2", 100), ("3.0", 3), ("0", 0)])
def test_whole_number_is_taken_however_json_writes_it(staff, sent, stock):
    written = f'"{sent}"' if sent.startswith("12") else sent

    response = staff.send("post", "/products", f'{{"name": "Tea", "price": ".5", "stock": {written}}}')

    assert (response.status_code, response.json()["stock"], response.json()["price"]) == (201, stock, 0.5)


@pytest.mark.parametrize("sent", ["1.5", "1e-1", "1e400", "1e999999999", "-1e99"])
def test_number_that_is_not_whole_or_too_large_is_no_stock(staff, sent):
    response = staff.send("post", "/products", f'{{"name": "Tea", "price": 1, "stock": {sent}}}')

    assert (response.status_code, list(response.json()["errors"])) == (400, ["stock"])


@pytest.mark.parametrize("sent", ["19.990", "1.99e1", '"19.9000"', "19.9"])
def test_zeros_at_the_end_of_a_price_are_no_decimals(staff, sent):
    response = staff.send("post", "/products", f'{{"name": "Tea", "price": {sent}}}')

    assert (response.status_code, response.json()["price"]) == (201, 19.99 if sent == "19.990" else 19.9)


def test_price_number_is_read_exactly(staff):
    response = staff.post("/products", '{"name": "Yacht", "price": 9999999999.99}')

    assert response.status_code == 201
    assert Product.objects.get().price == Decimal("9999999999.99")
    assert b'"price":9999999999.99' in response.content


def test_taken_sku_is_a_conflict_in_any_case(staff):
    make_product(sku="tea-1")

    response = staff.post("/products", {"name": "Tea", "price": 1, "sku": "TEA-1"})

    assert response.status_code == 409
    assert errors_of(response) == {
        "error": "SKU is already taken",
        "code": "already_exists",
        "errors": {"sku": "SKU is already taken"},
    }
    assert Product.objects.count() == 1


def test_put_returns_what_is_left_out_to_its_default(staff):
    product = make_product(name="Tea", description="Loose", stock=5, sku="T")

    response = staff.put(f"/products/{product.pk}", {"name": "Coffee", "price": 3})

    body = response.json()
    assert response.status_code == 200
    assert [body[name] for name in ("name", "description", "price", "stock", "sku", "version")] == [
        "Coffee",
        "",
        3.0,
        0,
        None,
        2,
    ]


@pytest.mark.parametrize("body", [{}, {"name": "Coffee"}, {"price": 3}])
def test_put_needs_name_and_price(staff, body):
    product = make_product()

    response = staff.put(f"/products/{product.pk}", body)

    assert response.status_code == 400
    assert errors_of(response)["error"] == "Name and price required"
    product.refresh_from_db()
    assert product.version == 1


def test_patch_changes_only_what_is_sent(staff):
    product = make_product(name="Tea", description="Loose", stock=5)

    response = staff.patch(f"/products/{product.pk}", {"price": 4.25})

    assert response.status_code == 200
    product.refresh_from_db()
    assert (product.name, product.description, product.stock, product.price) == ("Tea", "Loose", 5, Decimal("4.25"))
    assert response["ETag"] == f'"{product.pk}-2"'


def test_patch_of_nothing_changes_nothing(staff):
    product = make_product()

    assert staff.patch(f"/products/{product.pk}", {"id": 99, "created_at": "x"}).json()["version"] == 1


@pytest.mark.parametrize("method", ["put", "patch"])
def test_stale_version_is_a_conflict(staff, method):
    product = make_product(stock=5)
    Product.objects.filter(pk=product.pk).update(stock=4)

    response = staff.send(method, f"/products/{product.pk}", {"name": "x", "price": 1, "version": 1})

    assert (response.status_code, response.json()["code"]) == (409, "version_mismatch")
    assert response.json()["details"] == {"version": 2}
    product.refresh_from_db()
    assert (product.stock, product.version) == (4, 2)


def test_delete_leaves_nothing_to_find(staff):
    product = make_product()

    response = staff.delete(f"/products/{product.pk}")

    assert (response.status_code, response.content) == (204, b"")
    assert staff.get(f"/products/{product.pk}").status_code == 404
    assert staff.delete(f"/products/{product.pk}").status_code == 404


WRITES = [("post", "/products"), ("put", "/products/{}"), ("patch", "/products/{}"), ("delete", "/products/{}")]


@pytest.mark.parametrize(("method", "path"), [*WRITES, ("post", "/products/batch")])
def test_only_staff_may_write(method, path):
    product = make_product(name="Tea")
    body = {"name": "x", "price": 1}

    stranger = Api().send(method, path.format(product.pk), body)
    customer = Api(make_user()).send(method, path.format(product.pk), body)

    assert errors_of(stranger) == {"error": "Authorization required", "code": "unauthenticated"}
    assert (stranger.status_code, stranger["WWW-Authenticate"]) == (401, "Bearer")
    assert errors_of(customer) == {"error": "Not permitted", "code": "forbidden"}
    assert customer.status_code == 403
    assert list(Product.objects.values_list("name", "version")) == [("Tea", 1)]


def test_batch_creates_each_valid_row_and_says_what_is_wrong_with_the_others(staff):
    make_product(sku="taken")
    rows = [
        {"name": "A", "price": 1, "sku": "a"},
        {"name": "", "price": 0},
        {"name": "B", "price": 1, "sku": "TAKEN"},
        {"name": "C", "price": 1, "sku": "A"},
        "row",
        {"name": "D", "price": 2.5},
    ]

    body = staff.post("/products/batch", rows).json()

    assert (body["created"], body["failed"]) == (2, 4)
    assert [row["index"] for row in body["results"]] == [0, 1, 2, 3, 4, 5]
    assert [row["status"] for row in body["results"]] == [201, 400, 409, 409, 400, 201]
    assert body["results"][1]["errors"] == REQUIRED
    assert body["results"][2]["code"] == "already_exists"
    assert Api().get(body["results"][5]["url"]).json()["price"] == 2.5
    assert Product.objects.count() == 3


def test_batch_reads_ndjson(staff):
    lines = '{"name": "A", "price": 1}\n\n{"name": "B", "price": 2}\n'

    response = staff.send("post", "/products/batch", lines, content_type="application/x-ndjson")

    assert (response.status_code, response.json()["created"]) == (200, 2)


def test_batch_of_ndjson_with_a_broken_line_names_it_and_creates_nothing(staff):
    response = staff.send(
        "post", "/products/batch", '{"name": "A", "price": 1}\n{', content_type="application/x-ndjson"
    )

    assert response.status_code == 400
    assert response.json()["error"].startswith("Line 2: Invalid JSON")
    assert not Product.objects.exists()


@pytest.mark.parametrize("body", [[], {}, "7", '"text"'])
def test_batch_of_no_rows_is_refused(staff, body):
    assert staff.post("/products/batch", body).status_code == 400


def test_batch_statements_do_not_grow_with_the_rows(staff, unlimited, django_assert_max_num_queries):
    rows = [{"name": f"p{n}", "price": 1, "sku": f"s{n}"} for n in range(300)]

    with django_assert_max_num_queries(8):
        assert staff.post("/products/batch", rows).json()["created"] == 300
