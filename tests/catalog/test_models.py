"""What the database itself holds of a product, by whichever door a row comes."""
# ruff: noqa: RUF001  # letters that look alike are the subject

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import DataError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from catalog.models import Product
from core.databases import violated_constraint
from tests.support.factories import make_product

pytestmark = pytest.mark.django_db

IMPOSSIBLE: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", "x" * 201),
    ("price", Decimal(0)),
    ("price", Decimal(-1)),
    ("price", Decimal("10000000000.00")),
    ("stock", -1),
    ("stock", 2**31),
    ("sku", ""),
    ("sku", "x" * 65),
    ("sku", "ＡＢ-1"),
    ("sku", "\u212a-1"),  # the Kelvin sign folds to k
    ("sku", "Größe"),
    ("sku", "a\tb"),
]
impossible = pytest.mark.parametrize(("field", "value"), IMPOSSIBLE, ids=lambda value: str(value)[:20])


def refused_by_the_database() -> Any:
    # PostgreSQL refuses what does not fit the column's type (DataError) before it looks at constraints.
    return pytest.raises((IntegrityError, DataError))


@impossible
def test_impossible_row_cannot_be_inserted_in_bulk(field: str, value: Any) -> None:
    row = Product(**{"name": "Lamp", "price": Decimal(1), "stock": 1} | {field: value})

    with refused_by_the_database(), transaction.atomic():
        Product.objects.bulk_create([row])

    assert not Product.objects.exists()


@impossible
def test_impossible_value_cannot_be_set_by_update(field: str, value: Any) -> None:
    product = make_product(name="Lamp", price=Decimal(1), stock=1, sku="L")

    with refused_by_the_database(), transaction.atomic():
        Product.objects.update(**{field: value})

    product.refresh_from_db()
    assert (product.name, product.price, product.stock, product.sku) == ("Lamp", Decimal(1), 1, "L")
    assert product.version == 1


BY_HAND = """
    price = 0; price = -0.01; price = 'NaN'; price = NULL; name = ''; name = NULL; stock = -1; stock = 2147483648;
    stock = NULL; description = NULL; sku = ''; sku = 'ＡＢ-1'; sku = 'ı'
"""


@pytest.mark.parametrize("assignment", [assignment.strip() for assignment in BY_HAND.split(";")])
def test_impossible_value_cannot_be_set_by_hand(assignment: str) -> None:
    make_product(name="Lamp", price=Decimal(1), stock=1)

    with refused_by_the_database(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE catalog_product SET {assignment}")

    assert Product.objects.filter(name="Lamp", price=1, stock=1, version=1).count() == 1


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1e11"])
def test_postgresql_holds_no_number_that_is_none(number: str) -> None:
    make_product(price=Decimal(1))

    with refused_by_the_database(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET price = %s::numeric", [number])

    assert Product.objects.get().price == Decimal(1)


@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.parametrize("column", ["price", "stock"])
@pytest.mark.parametrize("value", ["many", "", "NaN", 9e999, -9e999, b"\x00"])
def test_sqlite_holds_no_text_where_a_number_belongs(column: str, value: Any) -> None:
    make_product(price=Decimal(1), stock=1)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE catalog_product SET {column} = %s", [value])

    assert Product.objects.filter(price=1, stock=1).count() == 1


@pytest.mark.parametrize("twin", ["LAMP-1", "lamp-1", "Lamp-1"])
def test_sku_is_unique_in_any_case_also_in_bulk(twin: str) -> None:
    make_product(sku="Lamp-1")

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        Product.objects.bulk_create([Product(name="Other", price=Decimal(1), sku=twin)])

    assert "catalog_product_sku_unique" in violated_constraint(refusal.value)
    assert Product.objects.count() == 1


@pytest.mark.usefixtures("requires_postgresql")
def test_case_of_sku_and_name_is_ignored_as_in_english_whatever_the_locale() -> None:
    with connection.cursor() as cursor:
        cursor.execute("""ALTER TABLE catalog_product
            ALTER COLUMN sku TYPE varchar(64) COLLATE "tr-x-icu",
            ALTER COLUMN name TYPE varchar(200) COLLATE "tr-x-icu" """)
        cursor.execute("SELECT lower('I' COLLATE \"tr-x-icu\")")
        assert cursor.fetchone() == ("ı",)
    product = make_product(name="ISLAND", sku="I-1")

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        make_product(sku="i-1")

    assert "catalog_product_sku_unique" in violated_constraint(refusal.value)
    assert list(Product.objects.search("island")) == [product]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_migration_names_the_products_whose_sku_is_not_ascii() -> None:
    former, executor = ("catalog", "0003_name_folded"), MigrationExecutor(connection)
    executor.migrate([former])
    try:
        products = executor.loader.project_state([former]).apps.get_model("catalog", "Product").objects
        bad, _ = (products.create(name="Mug", price=1, sku=sku).pk for sku in ("ＡＢ", "AB"))
        with pytest.raises(CommandError, match=f"then migrate again: {bad}\\."):
            MigrationExecutor(connection).migrate([("catalog", "0004_sku_ascii")])
        products.filter(pk=bad).update(sku="AB-2")
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    with pytest.raises(IntegrityError):
        Product.objects.filter(pk=bad).update(sku="ＡＢ")


def test_row_inserted_by_hand_gets_the_defaults() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog_product (name, price) VALUES ('By hand', 1.5)")

    product = Product.objects.get()
    assert (product.description, product.stock, product.sku, product.version) == ("", 0, None, 1)
    assert product.created_at is not None
    assert product.updated_at is not None


def test_nul_and_surrogates_are_refused_by_the_model_on_both_databases() -> None:
    for name in ("a\x00b", "a\ud800b"):
        with pytest.raises(ValidationError) as refusal:
            Product(name=name, price=Decimal(1)).full_clean()
        assert list(refusal.value.message_dict) == ["name"]


def test_duplicate_sku_is_a_validation_error_for_forms() -> None:
    make_product(sku="taken")

    with pytest.raises(ValidationError) as refusal:
        Product(name="Other", price=Decimal(1), sku="TAKEN").full_clean()

    assert refusal.value.messages == ["SKU is already taken."]


def test_product_is_named_by_its_name() -> None:
    assert str(make_product(name="Lamp")) == "Lamp"


def test_every_index_sort_key_has_an_index_with_the_id_as_tie_breaker() -> None:
    indexed = {tuple(index.fields) for index in Product._meta.indexes}

    indexed.remove(("category", "created_at", "id"))  # of the filter, in the default order
    assert indexed == {(key, "id") for key in ("price", "name", "created_at", "updated_at", "stock")}
