"""Products over gRPC."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from catalog.models import Product
from protos import product_pb2 as pb
from tests.support.factories import make_product, make_staff

pytestmark = pytest.mark.django_db


def names(answer) -> list[str]:
    return [product.name for product in answer.products]


def test_product_has_every_field(rpc):
    at = datetime(2026, 11, 22, 9, 30, 0, 900_000, tzinfo=UTC)
    product = make_product(name="Tea", description="Assam", price=Decimal("19.99"), stock=3, sku="T-1", created_at=at)

    answer = rpc().call("GetProduct", id=product.pk)

    assert answer.product == pb.Product(
        id=product.pk,
        name="Tea",
        description="Assam",
        price=19.99,
        stock=3,
        created_at=1_795_339_800,
        sku="T-1",
        version=1,
        updated_at=int(product.updated_at.timestamp()),
        reorder_level=5,
    )


@pytest.mark.parametrize("pk", [0, -1, 2**31 - 1])
def test_unknown_product_is_named(rpc, pk):
    refusal = rpc().refusal("GetProduct", id=pk)

    assert refusal[:3] == ("NOT_FOUND", f"Product {pk} not found", "not_found")


def test_list_starts_with_the_newest_and_counts(rpc):
    for n in range(23):
        make_product(name=f"Tea {n}", created_at=datetime(2026, 1, n + 1, tzinfo=UTC))

    first, second = (rpc().call("ListProducts", page=page) for page in (0, 2))

    assert (names(first)[0], len(first.products), first.total, first.page, first.total_pages) == (
        "Tea 22",
        20,
        23,
        1,
        2,
    )
    assert names(second) == ["Tea 2", "Tea 1", "Tea 0"]
    assert second.products[0].description == ""


def test_page_past_the_end_is_empty(rpc):
    make_product()

    answer = rpc().call("ListProducts", page=2**31 - 1, page_size=2**31 - 1)

    assert (names(answer), answer.total, answer.page, answer.total_pages) == ([], 1, 2**31 - 1, 1)


def test_page_size_above_100_is_100(rpc):
    Product.objects.bulk_create([Product(name=f"Tea {n}", price=1) for n in range(103)])

    answer = rpc().call("ListProducts", page_size=101)

    assert (len(answer.products), answer.total_pages) == (100, 2)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"page": -1}, "page"),
        ({"page_size": -1}, "page_size"),
        ({"min_price": float("nan")}, "min_price"),
        ({"max_price": float("inf")}, "max_price"),
        ({"q": "a\0b"}, "q"),
        ({"q": "x" * 201}, "q"),
    ],
)
def test_bad_parameter_is_named(rpc, fields, named):
    refusal = rpc().refusal("ListProducts", **fields)

    assert (refusal.code, refusal.reason, list(refusal.fields)) == ("INVALID_ARGUMENT", "invalid_input", [named])


def test_unknown_sort_key_names_those_there_are(rpc):
    refusal = rpc().refusal("ListProducts", sort_by="colour")

    assert refusal.code == "INVALID_ARGUMENT"
    assert "id, name, price, stock, created_at, updated_at" in refusal.message


def test_list_and_its_total_cost_one_statement(rpc, unlimited, django_assert_num_queries):
    Product.objects.bulk_create([Product(name=f"Tea {n}", price=1) for n in range(30)])
    client = rpc()
    client.call("ListProducts")

    with django_assert_num_queries(1):
        client.call("ListProducts")


def test_staff_creates_a_product(rpc):
    answer = rpc(make_staff()).call("CreateProduct", name="Tea", description="Assam", price=19.99, stock=3, sku="T-1")

    product = Product.objects.get()
    assert (product.name, product.description, product.price, product.stock, product.sku) == (
        "Tea",
        "Assam",
        Decimal("19.99"),
        3,
        "T-1",
    )
    assert (answer.product.id, answer.product.price, answer.product.version) == (product.pk, 19.99, 1)


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({}, {"name": "Name is required", "price": "Valid price is required"}),
        ({"name": "Tea", "price": float("nan")}, {"price": "Valid price is required"}),
        ({"name": "Tea", "price": 1e400}, {"price": "Valid price is required"}),
        ({"name": "Tea", "price": 1e300}, {"price": "Valid price is required: too many digits"}),
        ({"name": "a\0b", "price": 1}, {"name": "Null characters are not allowed."}),
    ],
)
def test_invalid_product_is_refused_field_by_field(rpc, fields, texts):
    refusal = rpc(make_staff()).refusal("CreateProduct", **fields)

    assert refusal[:4] == ("INVALID_ARGUMENT", "Invalid product data", "invalid_input", texts)
    assert not Product.objects.exists()


def test_update_changes_what_is_set_and_nothing_else(rpc):
    product = make_product(name="Tea", description="Assam", price=5, stock=3, sku="T-1")

    answer = rpc(make_staff()).call("UpdateProduct", id=product.pk, description="", stock=0)

    product.refresh_from_db()
    assert (product.name, product.description, product.price, product.stock, product.sku) == ("Tea", "", 5, 0, "T-1")
    assert (answer.product.stock, answer.product.version) == (0, 2)


def test_stale_version_is_refused(rpc):
    product = make_product(price=5)
    client = rpc(make_staff())
    client.call("UpdateProduct", id=product.pk, price=6, expected_version=1)

    refusal = client.refusal("UpdateProduct", id=product.pk, price=7, expected_version=1)

    assert (refusal[:3], refusal.facts) == (("ABORTED", "Version is 2, not 1", "version_mismatch"), {"version": "2"})
    product.refresh_from_db()
    assert product.price == 6


def test_invalid_update_names_the_fields_as_they_were_sent(rpc):
    product = make_product(name="Tea")

    refusal = rpc(make_staff()).refusal("UpdateProduct", id=product.pk, name="", price=0, expected_version=0)

    assert refusal[:3] == ("INVALID_ARGUMENT", "Invalid product data", "invalid_input")
    assert set(refusal.fields) == {"name", "price", "expected_version"}
    product.refresh_from_db()
    assert (product.name, product.version) == ("Tea", 1)
