"""Products over GraphQL."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.models import Product
from tests.support.api import Api
from tests.support.factories import make_product, make_staff
from tests.support.graph import Graph, global_id, nodes, statements

pytestmark = pytest.mark.django_db

LIST = """query($first: Int, $last: Int, $after: String, $before: String, $orderBy: String, $q: String,
    $minPrice: Float, $maxPrice: Float, $inStock: Boolean) {
  allProducts(first: $first, last: $last, after: $after, before: $before, orderBy: $orderBy, q: $q,
      minPrice: $minPrice, maxPrice: $maxPrice, inStock: $inStock) {
    edges { cursor node { name price } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
CREATE = """mutation($name: String!, $description: String, $price: Float!, $stock: Int, $sku: String) {
  createProduct(name: $name, description: $description, price: $price, stock: $stock, sku: $sku) {
    ok product { pk name description price stock sku version }
  }
}"""
UPDATE = """mutation($id: Int!, $name: String, $description: String, $price: Float, $stock: Int, $sku: String,
    $expectedVersion: Int) {
  updateProduct(id: $id, name: $name, description: $description, price: $price, stock: $stock, sku: $sku,
      expectedVersion: $expectedVersion) {
    ok product { name price version }
  }
}"""
DELETE = "mutation($id: Int!) { deleteProduct(id: $id) { ok } }"
BATCH = """mutation($products: [ProductInput!]!) {
  batchCreateProducts(products: $products) {
    ok createdCount products { name } errors { index code message fields { field message } }
  }
}"""


@pytest.fixture
def staff() -> Graph:
    return Graph(make_staff())


def listed(**variables) -> list[str]:
    return nodes(Graph().data(LIST, **variables)["allProducts"], "name")


# -- Reading ----------------------------------------------------------------------------------------------------
def test_product_shows_every_field_in_one_statement(unlimited):
    product = make_product(name="Tea", price=Decimal("2.50"), stock=3, sku="TEA", description="Loose.")
    query = (
        "query($id: Int) { product(id: $id) { id pk name description price stock sku version createdAt updatedAt } }"
    )

    with statements() as sql:
        found = Graph().data(query, id=product.pk)["product"]

    assert len(sql) == 1
    assert found == {
        "id": global_id(product),
        "pk": product.pk,
        "name": "Tea",
        "description": "Loose.",
        "price": 2.5,
        "stock": 3,
        "sku": "TEA",
        "version": 1,
        "createdAt": product.created_at.isoformat().replace("+00:00", "Z"),
        "updatedAt": product.updated_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("query", ["{ product { name } }", "{ product(id: null) { name } }"])
def test_product_without_an_id_is_invalid(query):
    assert Graph().error(query) == {"message": "id is required", "code": "INVALID_INPUT"}


@pytest.mark.parametrize("pk", [0, -1, 999_999, 2**31 - 1])
def test_unknown_product_is_null_and_not_found(pk):
    response = Graph().send("query($id: Int) { product(id: $id) { name } }", {"id": pk})

    assert response.json()["data"] == {"product": None}
    assert response.json()["errors"][0]["path"] == ["product"]
    assert Graph().error("query($id: Int) { product(id: $id) { name } }", id=pk) == {
        "message": f"Product {pk} not found",
        "code": "NOT_FOUND",
    }


def test_search_finds_names_in_any_case_by_name_and_at_most_100():
    for name, price in (("Green tea", 2), ("Teapot", 5), ("Coffee", 1), ("TEA towel", 9)):
        make_product(name=name, price=price)
    Product.objects.bulk_create(Product(name=f"Mug {n:03}", price=1) for n in range(101))
    query = """query($query: String!, $minPrice: Float, $maxPrice: Float) {
      searchProducts(query: $query, minPrice: $minPrice, maxPrice: $maxPrice) { name }
    }"""

    def found(**variables) -> list[str]:
        return [row["name"] for row in Graph().data(query, **variables)["searchProducts"]]

    assert sorted(found(query="tea")) == ["Green tea", "TEA towel", "Teapot"]
    assert found(query="tea", minPrice=3, maxPrice=5.0) == ["Teapot"]
    assert found(query="te%") == []
    assert found(query="Mug") == [f"Mug {n:03}" for n in range(100)]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"q": "TEA"}, ["Green tea", "Teapot"]),
        ({"q": "CAFÉ"}, ["Café au lait"]),
        ({"minPrice": 5}, ["Teapot", "100% wool"]),
        ({"maxPrice": 4.5}, ["Green tea", "Café au lait"]),
        ({"inStock": True}, ["Green tea", "Teapot", "100% wool"]),
        ({"inStock": False}, ["Café au lait"]),
        ({"q": "", "minPrice": None, "inStock": None}, ["Green tea", "Café au lait", "Teapot", "100% wool"]),
    ],
)
def test_filters_are_those_of_rest(variables, expected):
    for name, price, stock in (("Green tea", 2, 1), ("Café au lait", 4, 0), ("Teapot", 5, 2), ("100% wool", 9, 1)):
        make_product(name=name, price=price, stock=stock)
    query = LIST.replace("pageInfo", "totalCount pageInfo")

    found = Graph().data(query, orderBy="id", **variables)["allProducts"]

    assert nodes(found, "name") == expected
    assert found["totalCount"] == len(expected)


@pytest.mark.parametrize(
    ("variables", "message", "fields"),
    [
        ({"minPrice": 1.234}, "minPrice has too many decimals", ["minPrice"]),
        ({"maxPrice": 1e300}, "maxPrice has too many digits", ["maxPrice"]),
        ({"q": "a\0b"}, "q: Null characters are not allowed.", ["q"]),
        (
            {"orderBy": "colour"},
            "orderBy must be one of id, name, price, stock, created_at, updated_at, with a leading - for descending",
            ["orderBy"],
        ),
        ({"orderBy": "--price"}, None, ["orderBy"]),
        ({"first": 1, "last": 1}, "first and last can't both be given", ["last"]),
        ({"first": 101}, "first max is 100", ["first"]),
        ({"last": -1}, "last must not be negative", ["last"]),
    ],
)
def test_bad_argument_is_named(variables, message, fields):
    error = Graph().error(LIST, **variables)

    assert error["code"] == "INVALID_INPUT"
    assert message is None or error["message"] == message
    assert list(error.get("fields", [])) == (fields or [])


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, ["Cumin", "Anise", "Basil"]),
        ("id", ["Basil", "Anise", "Cumin"]),
        ("name", ["Anise", "Basil", "Cumin"]),
        ("-name", ["Cumin", "Basil", "Anise"]),
        ("price", ["Basil", "Anise", "Cumin"]),
        ("-price", ["Cumin", "Anise", "Basil"]),
        ("-stock", ["Basil", "Cumin", "Anise"]),
        ("created_at", ["Basil", "Anise", "Cumin"]),
        ("updated_at", ["Anise", "Cumin", "Basil"]),
    ],
)
def test_order(order_by, expected):
    basil = make_product(name="Basil", price=2, stock=9)
    make_product(name="Anise", price=3, stock=0)
    make_product(name="Cumin", price=3, stock=5)
    Product.objects.filter(pk=basil.pk).update(updated_at=timezone.now() + timedelta(hours=1))

    assert listed(orderBy=order_by) == expected


# -- Pages ------------------------------------------------------------------------------------------------------
def test_pages_go_forward_and_say_whether_there_is_more():
    for n in range(5):
        make_product(name=f"p{n}")

    seen, after = [], None
    for has_next, has_previous in ((True, False), (True, True), (False, True)):
        page = Graph().data(LIST, first=2, after=after, orderBy="id")["allProducts"]
        seen.append(nodes(page, "name"))
        after = page["edges"][-1]["cursor"]
        assert page["pageInfo"] == {
            "hasNextPage": has_next,
            "hasPreviousPage": has_previous,
            "startCursor": page["edges"][0]["cursor"],
            "endCursor": after,
        }

    assert seen == [["p0", "p1"], ["p2", "p3"], ["p4"]]


def test_pages_go_backward_in_the_same_order():
    for n in range(5):
        make_product(name=f"p{n}")

    seen, before = [], None
    for has_next, has_previous in ((False, True), (True, True), (True, False)):
        page = Graph().data(LIST, last=2, before=before, orderBy="id")["allProducts"]
        seen.append(nodes(page, "name"))
        before = page["pageInfo"]["startCursor"]
        assert page["pageInfo"]["hasNextPage"] is has_next
        assert page["pageInfo"]["hasPreviousPage"] is has_previous

    assert seen == [["p3", "p4"], ["p1", "p2"], ["p0"]]


def test_page_keeps_its_place_while_rows_come_and_go():
    rows = [make_product(name=f"p{n}", price=1) for n in range(6)]
    first = Graph().data(LIST, first=3, orderBy="price")["allProducts"]
    Product.objects.filter(pk__in=[rows[0].pk, rows[2].pk, rows[3].pk]).delete()
    make_product(name="cheaper", price=Decimal("0.50"))
    make_product(name="dearer", price=2)

    second = Graph().data(LIST, first=3, orderBy="price", after=first["pageInfo"]["endCursor"])["allProducts"]

    assert nodes(first, "name") == ["p0", "p1", "p2"]
    assert nodes(second, "name") == ["p4", "p5", "dearer"]


def test_page_of_nothing_has_no_cursors():
    make_product()

    page = Graph().data(LIST, first=0)["allProducts"]

    assert page == {
        "edges": [],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


def test_page_is_100_when_nothing_is_said():
    Product.objects.bulk_create(Product(name=f"p{n}", price=1) for n in range(101))

    page = Graph().data(LIST)["allProducts"]

    assert (len(page["edges"]), page["pageInfo"]["hasNextPage"]) == (100, True)


@pytest.mark.parametrize("name", ["after", "before"])
def test_cursor_of_another_order_is_invalid(name):
    make_product()
    cursor = Graph().data(LIST, orderBy="price")["allProducts"]["pageInfo"]["endCursor"]

    for order_by in ("-price", "name", None):
        assert Graph().error(LIST, orderBy=order_by, **{name: cursor}) == {
            "message": f"{name} does not match this list, its filters and its order",
            "code": "INVALID_INPUT",
            "fields": {name: f"{name} does not match this list, its filters and its order"},
        }


def test_total_is_counted_when_it_is_asked_for_and_only_then(unlimited):
    for _ in range(3):
        make_product()
    page = "{ allProducts(first: 2) { %s edges { node { name } } } }"

    with statements() as without:
        Graph().data(page.replace("%s", ""))
    with statements() as with_total:
        found = Graph().data(page.replace("%s", "totalCount"))

    assert [len(without), len(with_total)] == [1, 2]
    assert not any("COUNT(" in text for text in without)
    assert found["allProducts"]["totalCount"] == 3


# -- Writing ----------------------------------------------------------------------------------------------------
def test_create_answers_with_the_product_as_rest_does(staff):
    found = staff.data(CREATE, name=" Tea ", price=19.99)["createProduct"]

    product = Product.objects.get()
    assert found == {
        "ok": True,
        "product": {
            "pk": product.pk,
            "name": "Tea",
            "description": "",
            "price": 19.99,
            "stock": 0,
            "sku": None,
            "version": 1,
        },
    }
    assert Api().get(f"/products/{product.pk}").json()["price"] == 19.99


@pytest.mark.parametrize("price", [0.01, 0.29, 1234567.89, 9999999999.99, 5])
def test_price_is_kept_to_the_cent(staff, price):
    found = staff.data(CREATE, name="Tea", price=price)["createProduct"]

    assert Product.objects.get().price == Decimal(str(price))
    assert found["product"]["price"] == price


def test_stale_version_is_refused_and_the_right_one_is_not(staff):
    product = make_product(stock=5)
    Product.objects.filter(pk=product.pk).update(stock=4)

    stale = staff.error(
        "mutation($id: Int!) { updateProduct(id: $id, stock: 9, expectedVersion: 1) { ok } }", id=product.pk
    )
    assert stale == {
        "message": "Version is 2, not 1",
        "code": "VERSION_MISMATCH",
        "details": {"version": 2},
    }
    product.refresh_from_db()
    assert (product.stock, product.version) == (4, 2)

    right = "mutation($id: Int!) { updateProduct(id: $id, stock: 9, expectedVersion: 2) { product { version } } }"
    assert staff.data(right, id=product.pk)["updateProduct"]["product"]["version"] == 3


@pytest.mark.parametrize("mutation", [UPDATE, DELETE])
def test_unknown_id_is_not_ok_and_no_error(staff, mutation):
    (found,) = staff.data(mutation, id=999_999).values()

    assert found["ok"] is False
    assert found.get("product") is None


def test_each_mutation_is_a_transaction_of_its_own(staff):
    product = make_product(stock=1)
    mutations = (
        "mutation { a: updateProduct(id: %s, stock: 2) { ok } b: updateProduct(id: %s, stock: -1) { ok } "
        'c: createProduct(name: "", price: 1) { ok } d: updateProduct(id: %s, name: "New") { ok } }'
    )

    body = staff.send(mutations.replace("%s", str(product.pk))).json()

    assert body["data"] == {"a": {"ok": True}, "b": None, "c": None, "d": {"ok": True}}
    assert [error["path"] for error in body["errors"]] == [["b"], ["c"]]
    product.refresh_from_db()
    assert (product.name, product.stock, product.version) == ("New", 2, 3)


# -- Many at once -----------------------------------------------------------------------------------------------
def test_batch_creates_each_valid_row_and_says_what_is_wrong_with_the_others(staff):
    make_product(sku="taken")
    rows = [
        {"name": "A", "price": 1, "sku": "a"},
        {"name": "", "price": 0},
        {"name": "B", "price": 1, "sku": "TAKEN"},
        {"name": "C", "price": 1, "sku": "A"},
        {"name": "D", "price": 2.5},
    ]

    found = staff.data(BATCH, products=rows)["batchCreateProducts"]

    taken = {"code": "ALREADY_EXISTS", "message": "SKU is already taken"}
    texts = [{"field": "sku", "message": "SKU is already taken"}]
    assert found == {
        "ok": False,
        "createdCount": 2,
        "products": [{"name": "A"}, None, None, None, {"name": "D"}],
        "errors": [
            {
                "index": 1,
                "code": "INVALID_INPUT",
                "message": "Name is required; Valid price is required",
                "fields": [
                    {"field": "name", "message": "Name is required"},
                    {"field": "price", "message": "Valid price is required"},
                ],
            },
            {"index": 2, "fields": texts} | taken,
            {"index": 3, "fields": texts} | taken,
        ],
    }
    assert Product.objects.count() == 3


def test_batch_of_valid_rows_is_ok_in_statements_that_do_not_grow(staff, unlimited):
    rows = [{"name": f"p{n}", "price": 1, "sku": f"s{n}"} for n in range(300)]

    with statements() as sql:
        found = staff.data(BATCH, products=rows)["batchCreateProducts"]

    assert (found["ok"], found["createdCount"], found["errors"]) == (True, 300, [])
    assert len(sql) <= 8
