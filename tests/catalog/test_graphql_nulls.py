"""Null in GraphQL's mutations of products."""

import pytest

from tests.support.factories import make_product, make_staff
from tests.support.graph import Graph

pytestmark = pytest.mark.django_db

UPDATE = """mutation($id: Int!, $name: String, $description: String, $price: Float, $stock: Int, $sku: String,
    $expectedVersion: Int) {
  updateProduct(id: $id, name: $name, description: $description, price: $price, stock: $stock, sku: $sku,
      expectedVersion: $expectedVersion) {
    ok product { name price version }
  }
}"""


@pytest.fixture
def staff() -> Graph:
    return Graph(make_staff())


def test_null_is_an_argument_that_is_not_given(staff):
    product = make_product(name="Tea", description="Loose", price=2, stock=5)
    others = dict.fromkeys(("description", "price", "stock", "expectedVersion"))

    assert staff.data(UPDATE, id=product.pk, name=None, **others)["updateProduct"]["ok"]
    product.refresh_from_db()
    assert product.version == 1

    staff.data(UPDATE, id=product.pk, name="Green tea", **others)
    product.refresh_from_db()
    assert (product.name, product.description, product.price, product.stock) == ("Green tea", "Loose", 2, 5)


def test_null_of_an_optional_argument_means_its_default(staff):
    create = """mutation($row: ProductInput!, $none: String, $nothing: Int) {
      createProduct(name: "a", price: 1, description: $none, stock: $nothing, sku: $none) {
        product { description stock sku }
      }
      batchCreateProducts(products: [$row]) { products { description stock sku } }
    }"""
    row = {"name": "b", "price": 1, "description": None, "stock": None, "sku": None}

    found = staff.data(create, row=row, none=None, nothing=None)

    expected = {"description": "", "stock": 0, "sku": None}
    assert found["createProduct"]["product"] == expected
    assert found["batchCreateProducts"]["products"] == [expected]


def test_null_takes_a_sku_away(staff):
    product = make_product(sku="T")

    staff.data("mutation($id: Int!) { updateProduct(id: $id, sku: null) { ok } }", id=product.pk)

    product.refresh_from_db()
    assert product.sku is None
