"""The number of rows of a whole table, read instead of counted, equals COUNT(*) after every kind of write."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet

from accounts.models import User
from catalog.models import Product
from core.lists.row_counts import counted_table, rows_of_table
from core.plans.statements import CountStatement
from orders.models import Order
from tests.support.factories import make_order, make_product, make_user

pytestmark = pytest.mark.django_db

WRITERS, ROUNDS = 6, 25
INSERT = "INSERT INTO catalog_product (name, price) SELECT 'x', 1 FROM catalog_product"


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def counted(model: Any) -> int:
    """Return COUNT(*), without the counters."""
    return int(QuerySet(model).count())


def assert_exact() -> None:
    for model in (Product, Order, User):
        assert model.objects.count() == counted(model)


def copy_two() -> None:
    with connection.cursor() as cursor, cursor.copy("COPY catalog_product (name, price) FROM STDIN") as copy:
        copy.write("a\t1\nb\t2\n")


WRITES: dict[str, tuple[Callable[[], Any], int]] = {
    "save": (make_product, 4),
    "bulk_create": (lambda: Product.objects.bulk_create(Product(name="x", price=Decimal(1)) for _ in range(5)), 8),
    "INSERT SELECT": (lambda: run(INSERT), 6),
    "upsert": (lambda: run(f"{INSERT} WHERE true ON CONFLICT (id) DO UPDATE SET stock = 1"), 6),
    "ignored insert": (
        lambda: run(
            "INSERT INTO catalog_product (id, name, price) SELECT id, 'x', 1 FROM catalog_product WHERE true "
            "ON CONFLICT DO NOTHING"
        ),
        3,
    ),
    "update": (lambda: Product.objects.update(stock=9), 3),
    "update of ids": (lambda: run("UPDATE catalog_product SET id = id + 1000"), 3),
    "delete of one": (lambda: Product.objects.all()[0].delete(), 2),
    "delete of all": (lambda: run("DELETE FROM catalog_product"), 0),
}


@pytest.mark.parametrize(("write", "rows"), list(WRITES.values()), ids=list(WRITES))
def test_count_is_exact_after_a_write(write: Callable[[], Any], rows: int) -> None:
    for _ in range(3):
        make_product()

    write()

    assert Product.objects.count() == rows
    assert_exact()


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(
    ("write", "rows"),
    [(copy_two, 3), (lambda: run("TRUNCATE catalog_product CASCADE"), 0)],
    ids=["COPY", "TRUNCATE"],
)
def test_count_is_exact_after_a_write_of_postgresql(write: Callable[[], Any], rows: int) -> None:
    make_product()
    run("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that wait for the commit can't be truncated

    write()

    assert Product.objects.count() == rows
    assert_exact()


def test_rolled_back_rows_do_not_count() -> None:
    make_product()

    with transaction.atomic():
        make_product()
        assert Product.objects.count() == 2
        transaction.set_rollback(True)
    with transaction.atomic():
        Product.objects.all().delete()
        transaction.set_rollback(True)

    assert Product.objects.count() == 1
    assert_exact()


def write_at_random(seed: int) -> None:
    random = Random(seed)
    try:
        for _ in range(ROUNDS):
            with transaction.atomic():
                for _ in range(random.randint(1, 3)):
                    rows = random.randint(1, 4)
                    Product.objects.bulk_create(Product(name=f"of {seed}", price=Decimal(1)) for _ in range(rows))
                    if random.random() < 0.4:
                        Product.objects.filter(name=f"of {seed}", stock=0).latest("id").delete()
                if random.random() < 0.3:
                    transaction.set_rollback(True)
    finally:
        connection.close()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_count_is_exact_after_concurrent_writers_of_which_some_roll_back() -> None:
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write_at_random, range(WRITERS)))

    assert counted(Product) > WRITERS
    assert_exact()


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.django_db(transaction=True)
def test_open_transactions_do_not_make_each_other_wait() -> None:
    def write() -> int:
        try:
            run("SET lock_timeout = '1s'")
            make_product()
            return Product.objects.count()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as threads:
        make_product()
        assert threads.submit(write).result() == 1  # its own
        assert Product.objects.count() == 2

    assert_exact()


def test_counters_are_read_only_for_whole_tables() -> None:
    whole = [Product.objects.all(), Product.objects.order_by("price").only("id"), Order.objects.select_related("user")]
    parts = [
        Product.objects.filter(stock=0),
        Product.objects.all()[:3],
        Product.objects.none(),
        Product.objects.distinct(),
        Product.objects.all().union(Product.objects.all()),
        Order.objects.filter(user=1),
    ]

    assert [counted_table(rows.query) for rows in whole] == ["catalog_product", "catalog_product", "orders_order"]
    assert [counted_table(rows.query) for rows in parts] == [None] * len(parts)


@pytest.mark.parametrize("model", [Product, Order, User])
def test_compiled_count_reads_the_counters(model: Any) -> None:
    make_order(user=make_user())

    statement = CountStatement(model.objects.all)

    assert "ecommerce_rowcount" in statement._compiled.sql
    assert statement.count() == counted(model)


def test_counters_are_filled_when_a_trigger_is_installed_again() -> None:
    make_product()
    run(f"DROP TRIGGER catalog_product_count_inserted{'' if connection.vendor == 'sqlite' else ' ON catalog_product'}")
    make_product()
    assert rows_of_table("catalog_product", "default") == 1

    call_command("installtriggers", verbosity=0)

    assert Product.objects.count() == 2


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_migration_counts_the_rows_that_are_there() -> None:
    make_order(user=make_user())

    MigrationExecutor(connection).migrate([("ecommerce", "0003_folding")])
    executor = MigrationExecutor(connection)
    try:
        run("INSERT INTO catalog_product (name, price, description, stock, version) VALUES ('x', 1, '', 0, 1)")
    finally:
        executor.migrate(executor.loader.graph.leaf_nodes())

    assert Product.objects.count() == 2
    assert_exact()
