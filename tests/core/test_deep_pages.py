"""Pages far from the start have the rows that they have if the list is read whole."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog.models import Product
from core.lists.deep_pages import DEEP, page_at
from core.lists.keyset import Sort
from core.plans.reads import Reads
from tests.support.api import Api
from tests.support.factories import make_user
from tests.support.fast_path import answered, comparable, response_of, scope_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

ROWS = 2 * DEEP + 515
SORTS = [Sort("created_at", descending=True), Sort("price"), Sort("price", descending=True), Sort("id")]
STARTS = [0, DEEP - 20, DEEP, DEEP + 20, ROWS // 2 - 10, ROWS - 520, ROWS - 40, ROWS - 20, ROWS - 5, ROWS, ROWS + 100]


@pytest.fixture(scope="module", autouse=True)
def products(module_rows: None) -> None:
    Product.objects.bulk_create(
        Product(name=f"Product {n % 9}", price=Decimal(1 + n % 7), stock=n % 2) for n in range(ROWS)
    )


def in_order(sort: Sort) -> list[int]:
    return list(sort.applied(Product.objects.all()).values_list("pk", flat=True))


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.spelled)
def test_rows_and_order_are_those_of_the_whole_list(sort: Sort) -> None:
    whole, reads = in_order(sort), Reads(Product.objects.all(), ["id", "name"])
    caller: Any = make_user()

    for start in STARTS:
        rows = page_at(sort.applied(Product.objects.all()), start, 20, ROWS)
        assert [row.pk for row in rows] == whole[start : start + 20]
        assert [row[0] for row in reads.page_at(caller, sort, 20, start, ROWS)] == whole[start : start + 20]


def test_last_page_of_rest_takes_three_statements(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):
        body = Api().get("/products?page=126&per_page=20&sort=price&order=asc").json()

    assert [row["id"] for row in body["products"]] == in_order(Sort("price"))[2500:]
    assert (body["pagination"]["total"], body["pagination"]["pages"], body["pagination"]["next"]) == (2515, 126, None)


def test_deep_page_of_a_filtered_list() -> None:
    body = Api().get("/products?page=60&per_page=20&in_stock=true").json()

    expected = Product.objects.filter(stock=1).order_by("-created_at", "-id").values_list("pk", flat=True)
    assert [row["id"] for row in body["products"]] == list(expected)[1180:1200]
    assert body["pagination"]["total"] == 1257


@pytest.mark.parametrize("page", [50, 51, 60, 63, 64])
def test_deep_page_of_a_filtered_list_is_the_same_on_the_fast_path(page: int) -> None:
    scope = scope_of(f"/api/v1/products?page={page}&q=product&in_stock=true&sort=price")

    assert comparable(response_of(scope)) == comparable(answered(scope))


def test_last_page_of_grpc(rpc: Any) -> None:
    answer = rpc().call("ListProducts", page=126, sort_by="price")

    assert [product.id for product in answer.products] == in_order(Sort("price"))[2500:]
    assert (answer.total, answer.total_pages) == (2515, 126)


@pytest.mark.parametrize("page", [127, 10**17])
def test_page_past_the_end_is_empty(page: int) -> None:
    body = Api().get(f"/products?page={page}").json()

    assert (body["products"], body["pagination"]["total"]) == ([], 2515)


def test_deep_page_reads_from_the_nearer_end(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2) as captured:
        list(page_at(Sort("price").applied(Product.objects.all()), ROWS - 25, 20, ROWS))

    assert "OFFSET 5" in captured[0]["sql"]


def test_deep_page_of_the_admin_can_be_edited(admin_client: Client) -> None:
    response = admin_client.get("/admin/catalog/product/?p=50&o=3")

    shown = response.context["cl"]
    assert [row.pk for row in shown.result_list] == list(shown.queryset.values_list("pk", flat=True))[2450:2500]
    assert len(response.context["cl"].formset.forms) == 50
