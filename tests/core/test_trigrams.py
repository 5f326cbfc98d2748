"""A role that may not create pg_trgm migrates without the indexes, and is told so."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from catalog.models import Product
from core.postgresql import trigrams
from core.postgresql.trigrams import AddTrigramIndex, CreateTrigrams
from tests.support.factories import make_product

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("requires_postgresql")]
INDEX = "scale_test_trigrams"
CALLED = """
    CREATE OR REPLACE FUNCTION shop_folded(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RETURN lower(value); END $$"""


def is_there() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [INDEX])
        return bool(cursor.fetchone()[0])


def migrate(operation: Any, way: str) -> None:
    with connection.schema_editor(atomic=False) as editor:
        getattr(operation, f"database_{way}")("catalog", editor, None, None)


def test_index_comes_and_goes() -> None:
    index = AddTrigramIndex(INDEX, "catalog_product", "name_folded")

    migrate(CreateTrigrams(), "forwards")
    migrate(index, "forwards")
    assert is_there()
    migrate(index, "backwards")
    assert not is_there()


def test_refused_extension_is_reported_and_the_search_works_without_index(monkeypatch: pytest.MonkeyPatch) -> None:
    make_product(name="Blue lamp")
    monkeypatch.setattr(trigrams, "CREATE", "CREATE EXTENSION no_such_extension")
    monkeypatch.setattr(trigrams, "HAS_EXTENSION", "SELECT false")

    with pytest.warns(UserWarning, match="Let a superuser run CREATE EXTENSION pg_trgm"):
        migrate(CreateTrigrams(), "forwards")
    migrate(AddTrigramIndex(INDEX, "catalog_product", "name_folded"), "forwards")

    assert not is_there()
    assert Product.objects.search("LAMP").count() == 1


def test_connections_that_are_open_use_the_index_after_its_function_is_inlined() -> None:
    """They remember the expression of the index, in which the old function is called."""
    migration, other = import_module("core.migrations.0013_inlined_folding"), connection.copy()
    explain = "EXPLAIN SELECT id FROM orders_order WHERE shop_folded(number) LIKE '%abc%'"
    with connection.cursor() as cursor:
        cursor.execute(CALLED)

    try:
        with other.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(explain)
            assert "orders_order_number_trigrams" in str(cursor.fetchall())
            with connection.schema_editor() as editor:
                migration.make_functions(None, editor)
            cursor.execute(explain)
            plan = str(cursor.fetchall())
    finally:
        other.close()

    assert "octet_length" in plan  # of the new function
    assert "orders_order_number_trigrams" in plan
