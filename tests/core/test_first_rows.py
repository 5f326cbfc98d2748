"""The first rows of a filter are the same, and read few rows, wherever they are in the list's order."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from catalog.models import Product
from core.lists.first_rows import first_ids
from core.text.ascii import AsciiLower

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
            cursor.execute("ANALYZE")
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("sort", SORTS, ids=str)
@pytest.mark.parametrize("word", ["teal", "lamp", "1234", "none"])
def test_first_rows_are_those_of_the_list(sort: tuple[Any, ...], word: str) -> None:
    found = Product.objects.search(word).order_by(*sort)

    assert first_ids(found, MOST) == list(found.values_list("pk", flat=True))[:MOST]


@pytest.mark.usefixtures("requires_postgresql")
def test_rows_at_the_end_of_the_list_are_sorted_without_reading_it() -> None:
    found = Product.objects.search("teal").order_by("name", "id")

    with CaptureQueriesContext(connection) as queries:
        assert len(first_ids(found, MOST)) == MOST

    explained, read = [query["sql"] for query in queries]
    assert explained.startswith("EXPLAIN")
    assert "Index Scan using catalog_product_name on" in found[:MOST].explain()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {read}")
        plan = "".join(line for (line,) in cursor.fetchall())
    assert "Index Scan using catalog_product_name on" not in plan, plan


@pytest.mark.usefixtures("requires_postgresql")
def test_common_rows_are_read_in_order_by_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.lists.first_rows.MOST_SORTED", ROWS // 10)
    found = Product.objects.search("lamp").order_by("name", "id")

    with CaptureQueriesContext(connection) as queries:
        assert len(first_ids(found, MOST)) == MOST

    assert "COALESCE" not in queries[-1]["sql"]
