"""The first rows of a filter are the same, and read few rows, wherever they are in the list's order."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from catalog.filters import ProductFilter
from catalog.models import Product
from core.lists import first_rows
from core.lists.filters import filtering_of
from core.lists.first_rows import first_ids, rows_at
from core.lists.keyset import Sort
from core.plans.reads import Reads
from core.text.ascii import AsciiLower
from tests.support.api import Api
from tests.support.graph import Graph

ROWS = 20_000
NUMBERS = {
    "sqlite": f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) ",
    "postgresql": f"WITH n AS (SELECT i FROM generate_series(1, {ROWS}) i) ",
}
# One name in twenty has the word, as its first: all of them are at the end of the list by name.
FILL = (
    "INSERT INTO catalog_product (name, price, stock, sku) {numbers}"
    "SELECT CASE WHEN i % 20 = 0 THEN 'Teal lamp ' ELSE 'Blue lamp ' END || CAST(i AS varchar(20)), 1 + i % 50, i % 9, "
    "'SKU-' || CAST(i AS varchar(20)) FROM n"
)
SORTS: list[tuple[Any, ...]] = [
    ("name", "id"),
    ("-name", "-id"),
    ("price", "name", "-pk"),
    (AsciiLower("sku").desc(), "pk"),
    ("-pk",),
]
MOST = 101
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Fill the table for the whole module: its tests only read."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(FILL.replace("%", "%%").format(numbers=NUMBERS[connection.vendor]), [])
            cursor.execute("ANALYZE catalog_product")  # alone: the tables that all databases share would stay locked
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("sort", SORTS, ids=str)
@pytest.mark.parametrize("word", ["teal", "lamp", "1234", "none", "10"])
def test_first_rows_are_those_of_the_list(sort: tuple[Any, ...], word: str) -> None:
    found = Product.objects.search(word).order_by(*sort)

    assert first_ids(found, MOST) == list(found.values_list("pk", flat=True))[:MOST]


@pytest.mark.usefixtures("requires_postgresql")
def test_rows_at_the_end_of_the_list_are_sorted_without_reading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_rows, "LONG_START", 500)
    found = Product.objects.search("teal").order_by("name", "id")

    with CaptureQueriesContext(connection) as queries:
        assert len(first_ids(found, MOST)) == MOST

    explained, *_, read = [query["sql"] for query in queries]
    assert explained.startswith("EXPLAIN")
    assert "Index Scan using catalog_product_name on" in found[:MOST].explain()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {read}")
        plan = "".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using catalog_product_name on" not in plan, plan


@pytest.mark.parametrize("sort", SORTS, ids=str)
@pytest.mark.parametrize("word", ["teal", "lamp", "1234", "none", "10"])
def test_first_of_many_rows_are_those_of_the_list(
    sort: tuple[Any, ...], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_rows, "MANY_SORTED", 10)
    monkeypatch.setattr(first_rows, "LONG_START", 3_000)
    found = Product.objects.search(word).order_by(*sort)

    assert first_ids(found, MOST) == list(found.values_list("pk", flat=True))[:MOST]


@pytest.mark.parametrize(
    ("sort", "last"),
    [
        ("-stock", "FROM (SELECT"),
        ("version", "FROM (SELECT"),  # all rows have one value
        (AsciiLower("sku").desc(), "FROM (SELECT"),  # nulls come first
        ("name", "COALESCE"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("requires_postgresql")
def test_many_rows_are_looked_for_at_the_start_of_the_list(
    sort: Any, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_rows, "MANY_SORTED", 10)
    monkeypatch.setattr(first_rows, "LONG_START", 5_000)
    monkeypatch.setattr(first_rows, "_rows_at_risk", lambda plan: 1_000)
    found = Product.objects.search("teal").order_by(sort, "id")

    with CaptureQueriesContext(connection) as queries:
        assert len(first_ids(found, MOST)) == MOST

    assert last in queries[-1]["sql"]


@pytest.mark.usefixtures("requires_postgresql")
def test_rows_that_no_index_finds_are_looked_for_at_the_start_of_the_list() -> None:
    found = Product.objects.search("10").order_by("name", "id")  # a word of fewer than three characters

    with CaptureQueriesContext(connection) as queries:
        assert len(first_ids(found, MOST)) == MOST

    explained, explained_sorted, _, read = [query["sql"] for query in queries]
    assert explained.startswith("EXPLAIN")
    assert "COALESCE" in explained_sorted
    assert "FROM (SELECT" in read


@pytest.mark.usefixtures("requires_postgresql")
def test_common_rows_are_read_in_order_by_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.lists.first_rows.MOST_SORTED", ROWS // 10)
    found = Product.objects.search("lamp").order_by("name", "id")

    with CaptureQueriesContext(connection) as queries:
        assert len(first_ids(found, MOST)) == MOST

    assert "COALESCE" not in queries[-1]["sql"]


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(("most_cost", "last"), [(300_000, "COALESCE"), (1, '"price" ASC')])
def test_rare_rows_that_are_expected_to_be_many_are_sorted_unless_it_costs_much(
    most_cost: int, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_rows, "MOST_SORTED", 1_000)
    monkeypatch.setattr(first_rows, "MOST_COST", most_cost)
    monkeypatch.setattr(first_rows, "SPREAD", 1)
    monkeypatch.setattr(first_rows, "LONG_START", 2_000)
    found = Product.objects.filter(stock__lt=F("reorder_level") - 4).order_by("price", "id")

    with CaptureQueriesContext(connection) as queries:
        ids = first_ids(found, MOST)

    assert ids == list(found.values_list("pk", flat=True))[:MOST]
    assert last in queries[-1]["sql"]


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(("expected", "size"), [(10_000, 1_616), (19_000, 1_601), (100, 3_000), (0, 3_000)])
def test_start_of_the_list_is_as_long_as_the_rows_or_the_others_are_rare(
    expected: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_rows, "LONG_START", 3_000)

    assert first_rows._long_start(Product, MOST, expected) == size


def test_list_without_rows_has_no_first_rows() -> None:
    assert first_ids(Product.objects.none().order_by("name"), MOST) == []
    assert rows_at(Product.objects.search("teal").filter(pk__in=[]).order_by("name"), 0, 20) == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that suit the table of these tests."""
    for name, bound in (("MOST_SORTED", 5_000), ("FEW_SORTED", 100), ("READ_BEFORE", 500)):
        monkeypatch.setattr(first_rows, name, bound)


@pytest.mark.parametrize("sort", ["name", "-name", "price", "-stock", "-created_at", "id"])
@pytest.mark.parametrize("word", ["teal", "lamp", "1234", "none", "10"])
@pytest.mark.usefixtures("small")
def test_pages_of_a_search_are_those_of_the_list(sort: str, word: str) -> None:
    found = Sort(sort.lstrip("-"), descending=sort.startswith("-")).applied(Product.objects.search(word))
    whole = list(found.values_list("pk", flat=True))

    for start, stop in ((0, 20), (20, 40), (380, 480), (0, 21)):
        assert [row.pk for row in rows_at(found, start, stop)] == whole[start:stop]


@pytest.mark.parametrize("sort", ["name", "-price", "-created_at", "id"])
@pytest.mark.parametrize("word", ["teal", "lamp", "1234", "none", "10"])
@pytest.mark.usefixtures("small")
def test_compiled_pages_of_a_search_are_those_of_the_list(sort: str, word: str) -> None:
    order, filtering = Sort(sort.lstrip("-"), descending=sort.startswith("-")), filtering_of(ProductFilter, {"q": word})
    assert filtering is not None
    reads = Reads(Product.objects.all(), ["pk", "name"]).where(filtering)
    whole = list(order.applied(Product.objects.search(word)).values_list("pk", order.key))
    caller = AnonymousUser()

    assert reads.count(caller) == len(whole)
    for start in (0, 20, 380):
        page = [row[0] for row in reads.page(caller, order, 20, start)]
        assert page == [pk for pk, _ in whole[start : start + 20]]
        if start < len(whole):
            after = reads.page_after(caller, order, 20, whole[start][1], whole[start][0])
            assert [row[0] for row in after] == [pk for pk, _ in whole[start + 1 : start + 21]]


@pytest.mark.parametrize(("word", "last"), [("teal", "COALESCE"), ("lamp", "FROM (SELECT")])
@pytest.mark.usefixtures("requires_postgresql", "small")
def test_search_reads_the_start_of_the_list_and_then_sorts(word: str, last: str) -> None:
    found = Sort("name").applied(Product.objects.search(word))

    with CaptureQueriesContext(connection) as queries:
        assert len(rows_at(found, 0, 20)) == 20

    assert last in queries[-1]["sql"]

    filtering = filtering_of(ProductFilter, {"q": word})
    assert filtering is not None
    with CaptureQueriesContext(connection) as queries:
        assert (
            len(Reads(Product.objects.all(), ["pk"]).where(filtering).page(AnonymousUser(), Sort("name"), 20, 0)) == 20
        )

    assert queries[0]["sql"].startswith("EXPLAIN")
    assert last in queries[-1]["sql"]


@pytest.mark.usefixtures("unlimited", "small")
def test_protocols_show_the_first_rows_of_a_word_at_the_end() -> None:
    expected = list(Product.objects.search("teal").order_by("name", "id").values_list("name", flat=True)[:3])
    query = '{ allProducts(q: "teal", orderBy: "name", first: 3) { totalCount edges { node { name } } } }'

    rest = Api().get("/products?q=teal&sort=name&order=asc&per_page=3").json()
    graph = Graph().data(query)["allProducts"]

    assert [row["name"] for row in rest["products"]] == expected
    assert rest["pagination"]["total"] == ROWS // 20
    assert [edge["node"]["name"] for edge in graph["edges"]] == expected
    assert graph["totalCount"] == ROWS // 20
