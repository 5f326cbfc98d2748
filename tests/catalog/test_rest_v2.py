"""Products over REST v2: what differs from v1."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.utils import timezone

from catalog.models import Product
from tests.support.api import Api
from tests.support.factories import make_product, make_staff, make_user

pytestmark = pytest.mark.django_db
PRICE = {"amount": "19.99", "currency": "USD"}


def v2(user=None) -> Api:
    return Api(user, base="/api/v2")


@pytest.fixture
def staff() -> Api:
    return v2(make_staff())


# -- Bodies -----------------------------------------------------------------------------------------------------
def test_product_has_money_as_an_object_and_urls_of_its_version():
    product = make_product(name="Tea", price=Decimal("19.99"), stock=3)
    url = f"http://testserver/api/v2/products/{product.pk}"

    body = v2().get(f"/products/{product.pk}").json()

    assert (body["name"], body["price"], body["version"]) == ("Tea", PRICE, 1)
    assert body["_links"] == {"self": url, "update": url, "delete": url}


def test_row_of_a_list_has_the_version_that_a_change_may_name():
    product = make_product(name="Tea", price=Decimal("19.99"), stock=3)

    assert v2().get("/products").json() == {
        "products": [
            {
                "id": product.pk,
                "name": "Tea",
                "price": PRICE,
                "stock": 3,
                "version": 1,
                "url": f"http://testserver/api/v2/products/{product.pk}",
            }
        ],
        "next_cursor": None,
    }


def test_what_a_get_gave_can_be_put_back(staff):
    product = make_product(price=Decimal("19.99"), sku="T")
    body = v2().get(f"/products/{product.pk}").json()

    response = staff.put(f"/products/{product.pk}", body | {"price": {"amount": "20", "currency": "USD"}})

    assert response.status_code == 200
    assert response.json()["price"] == {"amount": "20.00", "currency": "USD"}
    product.refresh_from_db()
    assert (product.price, product.sku, product.version) == (Decimal("20.00"), "T", 2)


@pytest.mark.parametrize("amount", ["19.99", 19.99])
def test_created_product_is_the_one_that_v1_shows(staff, amount):
    response = staff.post("/products", {"name": "Tea", "price": {"amount": amount, "currency": "USD"}})

    product = Product.objects.get()
    assert (response.status_code, response["Location"]) == (201, f"http://testserver/api/v2/products/{product.pk}")
    assert response.json()["price"] == PRICE
    assert Api().get(f"/products/{product.pk}").json()["price"] == 19.99


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (19.99, "Valid price is required: an object of amount and currency"),
        ("19.99", "Valid price is required: an object of amount and currency"),
        (None, "Valid price is required"),
        ({}, "Valid price is required: the currency must be USD"),
        ({"amount": "1"}, "Valid price is required: the currency must be USD"),
        ({"amount": "1", "currency": "EUR"}, "Valid price is required: the currency must be USD"),
        ({"amount": "1", "currency": "usd"}, "Valid price is required: the currency must be USD"),
        ({"currency": "USD"}, "Valid price is required"),
        ({"amount": None, "currency": "USD"}, "Valid price is required"),
        ({"amount": True, "currency": "USD"}, "Valid price is required"),
        ({"amount": "0", "currency": "USD"}, "Valid price is required"),
        ({"amount": "1_0", "currency": "USD"}, "Valid price is required"),
        ({"amount": "1e1", "currency": "USD"}, "Valid price is required"),
        ({"amount": "+5", "currency": "USD"}, "Valid price is required"),
        ({"amount": "٩", "currency": "USD"}, "Valid price is required"),
        ({"amount": "1.234", "currency": "USD"}, "Valid price is required: at most 2 decimals"),
        ({"amount": {"amount": "1"}, "currency": "USD"}, "Valid price is required"),
    ],
)
def test_amount_that_is_none_of_the_shops_is_refused(staff, price, text):
    response = staff.post("/products", {"name": "Tea", "price": price})

    assert response.status_code == 400
    assert (response.json()["code"], response.json()["errors"]) == ("invalid_input", {"price": text})
    assert not Product.objects.exists()


def test_currency_is_the_shops(staff, settings):
    settings.STORE_CURRENCY = "EUR"

    response = staff.post("/products", {"name": "Tea", "price": {"amount": "5", "currency": "EUR"}})

    assert response.json()["price"] == {"amount": "5.00", "currency": "EUR"}


def test_product_in_another_currency_has_another_tag(settings):
    path = f"/products/{make_product().pk}"
    tag = Api(base="/api/v2").get(path)["ETag"]
    settings.STORE_CURRENCY = "EUR"

    response = Api(base="/api/v2").get(path, If_None_Match=tag)

    assert (response.status_code, response.json()["price"]["currency"]) == (200, "EUR")
    assert response["ETag"] != tag


def test_batch_refuses_a_row_as_a_problem(staff):
    body = staff.post("/products/batch", [{"name": "A", "price": PRICE}, {"name": "B", "price": 1}]).json()

    made, refused = body["results"]
    assert (body["created"], made["url"]) == (1, f"http://testserver/api/v2/products/{made['id']}")
    assert refused == {
        "index": 1,
        "type": "/api/problems/invalid_input",
        "title": "Invalid input",
        "status": 400,
        "detail": "Valid price is required: an object of amount and currency",
        "code": "invalid_input",
        "errors": {"price": "Valid price is required: an object of amount and currency"},
    }


# -- Pages ------------------------------------------------------------------------------------------------------
def walked(path: str) -> list[str]:
    """Follow the Link header to the end and return the names."""
    found = []
    while path:
        response = v2().get(path)
        found += [row["name"] for row in response.json()["products"]]
        link = response.get("Link", "")
        assert bool(link) is (response.json()["next_cursor"] is not None)
        path = link.removesuffix('>; rel="next"').removeprefix("<")
    return found


@pytest.mark.parametrize("sort", ["id", "name", "price", "stock", "created_at", "updated_at"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_make_the_list_that_v1_gives(sort, order):
    for n in range(7):
        make_product(name=f"Tea {n % 3}", price=n % 2 + 1, stock=n % 4)
    Product.objects.filter(stock=1).update(updated_at=timezone.now() + timedelta(hours=1))
    query = f"sort={sort}&order={order}"

    rows = Api().get(f"/products?{query}").json()["products"]

    assert walked(f"/products?{query}&limit=2") == [row["name"] for row in rows]


def test_link_keeps_every_other_parameter_and_the_body_has_the_cursor():
    for n in range(3):
        make_product(name=f"Tea {n}", price=n + 1)

    response = v2().get("/products?sort=price&order=asc&q=tea&limit=2")

    cursor = response.json()["next_cursor"]
    url = "http://testserver/api/v2/products?"
    assert response["Link"] == f'<{url}cursor={quote(cursor)}&limit=2&order=asc&q=tea&sort=price>; rel="next"'


def test_pages_keep_their_place_while_rows_come_and_go():
    names = [make_product(name=f"Tea {n}", price=n + 1).name for n in range(6)]
    first = v2().get("/products?sort=price&order=asc&limit=3")
    Product.objects.filter(name__in=names[1:3]).delete()  # the cursor's own row among them
    make_product(name="New, before", price=1)
    make_product(name="New, after", price=5)

    rest = walked(f"/products?sort=price&order=asc&limit=2&cursor={first.json()['next_cursor']}")

    assert rest == ["Tea 3", "Tea 4", "New, after", "Tea 5"]


@pytest.mark.parametrize(
    "path",
    [
        "/products?sort=name&order=asc",
        "/products?sort=price",
        "/products?sort=price&order=asc&q=tea",
        "/products?sort=price&order=asc&in_stock=true",
        "/products",
        "/users?sort=price&order=asc",
    ],
)
def test_cursor_of_another_list_sort_or_filter_is_refused(path):
    for n in range(3):
        make_product(name=f"Tea {n}", price=n + 1)
    cursor = v2().get("/products?sort=price&order=asc&limit=2").json()["next_cursor"]

    response = v2(make_staff()).get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert response.json()["detail"] == "cursor does not match this list, its filters and its order"


@pytest.mark.parametrize("change", [lambda c: "x", lambda c: c[2:], lambda c: c[:-1], lambda c: "." + c.split(".")[1]])
def test_cursor_that_is_none_is_refused(change):
    for _ in range(3):
        make_product()
    cursor = v2().get("/products?limit=2").json()["next_cursor"]

    assert v2().get(f"/products?limit=2&cursor={quote(change(cursor))}").status_code == 400


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=101", "limit max is 100"),
        ("limit=0", "limit must be a positive integer"),
        ("limit=x", "limit must be a positive integer"),
        ("page=2", "page belongs to v1: use cursor and limit"),
        ("per_page=5", "per_page belongs to v1: use cursor and limit"),
        ("sort=colour", "sort must be one of id, name, price, stock, created_at, updated_at"),
    ],
)
def test_bad_parameter_is_named(query, detail):
    response = v2().get(f"/products?{query}")

    assert (response.status_code, response.json()["detail"]) == (400, detail)


@pytest.mark.parametrize("sort", ["id", "created_at", "updated_at"])
@pytest.mark.parametrize("rows", [3, 100])
def test_list_takes_one_statement_however_long(sort, rows, unlimited, django_assert_num_queries):
    Product.objects.bulk_create(Product(name=f"p{n}", price=1) for n in range(rows + 1))

    with django_assert_num_queries(1):
        assert len(v2().get(f"/products?limit={rows}&sort={sort}").json()["products"]) == rows


# -- Refusals ---------------------------------------------------------------------------------------------------
def test_refusal_is_a_problem_document():
    response = v2(make_user()).get("/products/999")

    body = response.json()
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert body.pop("request_id") == response["X-Request-ID"]
    assert body == {
        "type": "/api/problems/not_found",
        "title": "Resource not found",
        "status": 404,
        "detail": "Resource not found",
        "code": "not_found",
        "instance": "/api/v2/products/999",
    }


def test_instance_is_a_uri_whatever_was_asked_for():
    assert v2().get("/products/%C2%A38%20x").json()["instance"] == "/api/v2/products/%C2%A38%20x"


def test_stale_version_says_which_one_stands(staff):
    product = make_product(stock=5)
    Product.objects.update(stock=4)

    body = staff.patch(f"/products/{product.pk}", {"stock": 1, "version": 1}).json()

    assert (body["status"], body["code"], body["details"]) == (409, "version_mismatch", {"version": 2})


def test_type_of_a_problem_leads_to_what_it_means_in_every_protocol():
    response = Api().get("http://testserver/api/problems/out_of_stock")

    assert response.json() == {
        "code": "out_of_stock",
        "title": "Out of stock",
        "http": 409,
        "graphql": "OUT_OF_STOCK",
        "grpc": "FAILED_PRECONDITION",
    }
    assert Api().get("http://testserver/api/problems/nothing").status_code == 404


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/problem+json", "application/json"),
        ("application/vnd.myapi.v2+json", "application/json"),
        ("text/html", "application/json"),
        ("application/xml", "application/xml"),
    ],
)
def test_type_of_a_problem_can_be_read_by_whoever_was_given_it(accept, media_type):
    response = Api().get("http://testserver/api/problems/out_of_stock", Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, media_type)
    assert b"out_of_stock" in response.content
