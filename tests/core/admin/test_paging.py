"""Long lists: at most so many rows of a filter are counted, and the pages are those of the list's order."""

from typing import Any

import pytest
from django.contrib.admin.views.main import ChangeList
from django.db import connection
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.admin import paging
from core.models import LoggedRequest
from tests.core.request_log.test_storing import logged
from tests.support.factories import make_product, make_staff

pytestmark = pytest.mark.django_db

PRODUCTS, REQUESTS = "/admin/catalog/product/", "/admin/ecommerce/loggedrequest/"


@pytest.fixture
def staff(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Lists of two rows a page, which count at most five rows of a filter."""
    monkeypatch.setattr(paging, "MOST", 5)
    monkeypatch.setattr("catalog.admin.products.ProductAdmin.list_per_page", 2)
    client.force_login(make_staff())
    return client


def page(client: Client, query: str) -> Any:
    return client.get(f"{PRODUCTS}?{query}").context_data["cl"]


def names(shown: Any) -> list[str]:
    return [product.name for product in shown.result_list]


def test_rows_of_a_filter_are_counted_up_to_a_bound(staff: Client) -> None:
    for n in range(6):
        make_product(name=f"Lamp {n}", stock=5 if n else 0)

    many, few = page(staff, "q=lamp"), page(staff, "stock_is=left")

    assert (str(many.result_count), many.paginator.num_pages) == ("5+", 3)
    assert (str(few.result_count), few.paginator.num_pages) == ("5", 3)
    assert "5+ products" in " ".join(staff.get(f"{PRODUCTS}?q=lamp").content.decode().split())


def test_number_with_more_rows_is_not_grouped_by_a_template() -> None:
    assert Template("{{ number }} rows").render(Context({"number": paging.AtLeast(2_000)})) == "2k+ rows"


def test_pages_of_a_filter_follow_the_order_of_the_list(staff: Client) -> None:
    for n in (3, 1, 4, 2, 0):
        make_product(name=f"Lamp {n}", price=n + 1)

    assert names(page(staff, "q=lamp")) == ["Lamp 0", "Lamp 1"]
    assert names(page(staff, "q=lamp&p=3")) == ["Lamp 4"]
    assert names(page(staff, "q=lamp&o=-3&p=2")) == ["Lamp 2", "Lamp 1"]
    assert names(page(staff, "q=none")) == []


@pytest.mark.parametrize(
    ("chosen", "order"),
    [
        ("4", '"stock" ASC, "catalog_product"."id" ASC'),
        ("-4", '"stock" DESC, "catalog_product"."id" DESC'),
        ("-4.3", '"stock" DESC, "catalog_product"."id" DESC'),  # no index has two columns
        ("-2", ') DESC, "catalog_product"."id" DESC'),
        ("5", '"name" ASC, "catalog_product"."id" ASC'),  # no index has the reorder level
        ("77", '"name" ASC, "catalog_product"."id" ASC'),
        ("", '"name" ASC, "catalog_product"."id" ASC'),
    ],
)
def test_rows_with_equal_values_are_in_the_order_of_an_index(staff: Client, chosen: str, order: str) -> None:
    shown = page(staff, f"o={chosen}")

    assert str(shown.queryset.query).endswith(order)


def test_headers_show_the_one_column_that_sorts(staff: Client) -> None:
    assert page(staff, "o=-4.3").get_ordering_field_columns() == {4: "desc"}


def test_filter_is_read_once_and_its_page_by_ids(staff: Client) -> None:
    for n in range(4):
        make_product(name=f"Lamp {n}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalog_product")  # or the plan would suit the rows of other tests

    with CaptureQueriesContext(connection) as queries:
        page(staff, "q=lamp")

    statements = [query["sql"] for query in queries if not query["sql"].startswith("EXPLAIN")]
    reads = [sql for sql in statements if 'FROM "catalog_product"' in sql]
    assert ["lamp" in sql for sql in reads] == [True, False]


def test_page_makes_no_query_string_for_a_row(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    make_string = ChangeList.get_query_string

    def noted(rows: ChangeList, *args: Any, **kwargs: Any) -> str:
        made.append(args)
        return make_string(rows, *args, **kwargs)

    monkeypatch.setattr(ChangeList, "get_query_string", noted)
    make_product(name="Lamp 1")
    page(staff, "o=3")
    for_one = len(made)
    make_product(name="Lamp 2")
    page(staff, "o=3")

    assert len(made) == 2 * for_one > 0


def test_whole_table_has_an_exact_count_and_its_last_page(staff: Client) -> None:
    for n in range(7):
        make_product(name=f"Lamp {n}")
        logged(request_id=f"request-{n}")

    shown = page(staff, "p=4")

    assert (str(shown.result_count), names(shown)) == ("7", ["Lamp 6"])
    assert str(staff.get(REQUESTS).context_data["cl"].result_count) == "7" == str(LoggedRequest.objects.count())


def test_low_stocks_are_listed_from_the_lowest(staff: Client) -> None:
    for name, stock in (("A", 3), ("B", 1), ("C", 900), ("Z", 0), ("D", 0)):
        make_product(name=name, stock=stock)

    assert names(page(staff, "stock_is=low")) == ["B", "A"]
    assert names(page(staff, "stock_is=low&o=1")) == ["A", "B"]
    assert names(page(staff, "stock_is=none")) == ["Z", "D"]
