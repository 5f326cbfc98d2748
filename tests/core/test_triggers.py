"""The version rises by one on every change, whichever way it is written; and the triggers that see to it stay."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.models import F, Value
from django.utils import timezone

from catalog.models import Product
from catalog.triggers import product_version
from core import triggers
from core.server.start import checks
from orders.models import Order
from tests.support.factories import make_order, make_product

pytestmark = pytest.mark.django_db

ALL = sorted(name for name, trigger in triggers._REGISTRY.items() if trigger.create_sql(connection.vendor))


def by_hand(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def in_bulk(product: Product) -> None:
    product.stock = 8
    Product.objects.bulk_update([product], ["stock"])


def by_upsert(product: Product) -> None:
    row = Product(pk=product.pk, name="Upserted", price=Decimal(1))
    Product.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["name"])


WAYS: dict[str, Callable[[Product], Any]] = {
    "save": lambda product: product.save(),
    "save of one field": lambda product: product.save(update_fields=["stock"]),
    "update": lambda product: Product.objects.filter(pk=product.pk).update(stock=8),
    "update with F": lambda product: Product.objects.filter(pk=product.pk).update(stock=F("stock") - 1),
    "update to the same": lambda product: Product.objects.filter(pk=product.pk).update(stock=F("stock")),
    "bulk_update": in_bulk,
    "bulk upsert": by_upsert,
    "raw SQL": lambda product: by_hand("UPDATE catalog_product SET stock = 8 WHERE id = %s", product.pk),
    "raw SQL that sets the version": lambda product: by_hand(
        "UPDATE catalog_product SET version = 77 WHERE id = %s", product.pk
    ),
    "raw SQL that raises the version": lambda product: by_hand(
        "UPDATE catalog_product SET version = version + 1 WHERE id = %s", product.pk
    ),
    "raw upsert": lambda product: by_hand(
        "INSERT INTO catalog_product (id, name, price) VALUES (%s, 'x', 1) ON CONFLICT (id) DO UPDATE SET stock = 8",
        product.pk,
    ),
}
each_way = pytest.mark.parametrize("write", list(WAYS.values()), ids=list(WAYS))


@each_way
def test_version_of_a_product_rises_by_one(write: Callable[[Product], Any]) -> None:
    product, other = make_product(), make_product()

    write(product)

    assert Product.objects.get(pk=product.pk).version == 2
    assert Product.objects.get(pk=other.pk).version == 1


@each_way
def test_updated_at_moves(write: Callable[[Product], Any]) -> None:
    product, other = make_product(), make_product()
    long_ago = timezone.now() - timedelta(days=1)
    Product.objects.update(updated_at=long_ago)
    product.refresh_from_db()  # so that save() writes the time it read, which is no wish to keep it

    write(product)

    assert Product.objects.get(pk=product.pk).updated_at > long_ago + timedelta(hours=23)
    assert Product.objects.get(pk=other.pk).updated_at == long_ago


def test_updated_at_that_is_set_is_kept() -> None:
    product = make_product()
    then = timezone.now().replace(microsecond=0) - timedelta(days=400)

    Product.objects.update(updated_at=then)

    product.refresh_from_db()
    assert (product.updated_at, product.version) == (then, 2)


def test_update_of_other_rows_leaves_the_version() -> None:
    product, other = make_product(stock=3), make_product(stock=4)

    by_hand("UPDATE catalog_product SET stock = 9 WHERE stock = 4")

    assert [Product.objects.get(pk=row.pk).version for row in (product, other)] == [1, 2]


def test_every_row_of_one_statement_rises_by_one() -> None:
    for _ in range(3):
        make_product()

    Product.objects.update(stock=1)
    Product.objects.update(stock=2)

    assert list(Product.objects.values_list("version", flat=True)) == [3, 3, 3]


def test_object_read_before_a_change_cannot_set_the_version_back() -> None:
    product = make_product()
    stale = Product.objects.get(pk=product.pk)
    Product.objects.update(stock=5)
    Product.objects.update(stock=6)

    stale.save()

    assert Product.objects.get().version == 4


def test_refused_change_leaves_the_version() -> None:
    make_product()

    with pytest.raises(DatabaseError), transaction.atomic():
        Product.objects.update(stock=-1)

    assert Product.objects.get().version == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda order: order.save(),
        lambda order: Order.objects.update(status="paid"),
        lambda order: Order.objects.bulk_update([order], ["status"]),
        lambda order: Order.objects.update(total=F("total") + Value(1)),
        lambda order: by_hand("UPDATE orders_order SET status = 'paid' WHERE id = %s", order.pk),
        lambda order: by_hand("UPDATE orders_order SET version = 50 WHERE id = %s", order.pk),
    ],
    ids=["save", "update", "bulk_update", "update with F", "raw SQL", "raw SQL that sets the version"],
)
def test_version_of_an_order_rises_by_one(write: Callable[[Order], Any]) -> None:
    order = make_order()

    write(order)

    assert Order.objects.get().version == 2


def test_order_stays_readable_when_its_product_is_deleted_by_hand() -> None:
    product = make_product(name="Lamp", price=Decimal("2.50"), sku="L-1")
    order = make_order(lines={product: 2})

    by_hand("DELETE FROM catalog_product WHERE id = %s", product.pk)
    connection.check_constraints()

    item = order.items.get()
    assert (item.product_id, item.name, item.sku, item.unit_price) == (None, "Lamp", "L-1", Decimal("2.50"))
    assert item.ordered_product_id == product.pk


# -- Are they there? --------------------------------------------------------------------------------------------


def drop(trigger: triggers.Trigger) -> None:
    for statement in trigger.drop_sql(connection.vendor):
        by_hand(statement)


def test_none_is_missing_after_migrate() -> None:
    assert {"catalog_product_version", "orders_forget_product", "orders_order_version"} <= set(ALL)
    assert triggers.missing() == []
    assert checks.triggers_exist() == []


@pytest.mark.parametrize("name", ALL)
def test_dropped_trigger_is_reported_and_installed_again(name: str) -> None:
    drop(triggers._REGISTRY[name])

    assert triggers.missing() == [name]
    (error,) = checks.triggers_exist()
    assert (error.id, error.msg) == ("ecommerce.E001", f"The database trigger {name} is missing.")
    out = StringIO()
    call_command("installtriggers", stdout=out)
    assert out.getvalue() == f"Installed {name}.\n"
    assert triggers.missing() == []


def test_check_command_fails_when_a_trigger_is_missing() -> None:
    drop(product_version)

    with pytest.raises(SystemCheckError, match="catalog_product_version is missing"):
        call_command("check")

    assert triggers.missing() == ["catalog_product_version"]


def test_installed_trigger_works() -> None:
    product = make_product()
    drop(product_version)
    Product.objects.update(stock=1)

    triggers.install_missing()
    Product.objects.update(stock=2)

    product.refresh_from_db()
    assert product.version == 2


def test_nothing_to_install_is_said() -> None:
    out = StringIO()

    call_command("installtriggers", stdout=out)

    assert out.getvalue() == "No trigger is missing.\n"


def test_trigger_of_a_migration_that_has_not_run_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    future = triggers.version_trigger("catalog_product", ("catalog", "9999_future"), touches_updated_at=False)

    monkeypatch.setitem(triggers._REGISTRY, "future", future)

    assert triggers.missing() == []


@pytest.mark.usefixtures("requires_postgresql")
def test_disabled_trigger_is_missing() -> None:
    by_hand("ALTER TABLE catalog_product DISABLE TRIGGER catalog_product_version")

    assert triggers.missing() == ["catalog_product_version"]
    assert triggers.install_missing() == ["catalog_product_version"]
    assert triggers.missing() == []


def test_check_warns_when_the_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer() -> list[str]:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(triggers, "missing", no_answer)

    (warning,) = checks.triggers_exist()

    assert warning.id == "ecommerce.W001"
    assert "connection refused" in warning.msg


@pytest.mark.django_db(transaction=True)
def test_migration_that_adds_a_trigger_goes_back_and_forth() -> None:
    operation = triggers.AddTrigger(product_version)
    state = MigrationLoader(connection).project_state()

    with connection.schema_editor() as editor:
        operation.database_backwards("catalog", editor, state, state)
    assert triggers.missing() == ["catalog_product_version"]
    with connection.schema_editor() as editor:
        operation.database_forwards("catalog", editor, state, state)

    assert triggers.missing() == []
    assert operation.describe() == "Add trigger catalog_product_version"


# -- Migrations -------------------------------------------------------------------------------------------------

MIGRATIONS: dict[str, tuple[str, Any]] = {
    "a column that changes": ("catalog", migrations.AlterField("product", "name", models.CharField(max_length=150))),
    "a column with a default": ("catalog", migrations.AddField("product", "colour", models.TextField(default="red"))),
    "a column that may be null": ("catalog", migrations.AddField("product", "size", models.TextField(null=True))),
    "a column of an order": ("orders", migrations.AlterField("order", "number", models.CharField(max_length=40))),
    "a column of a line": ("orders", migrations.AlterField("orderitem", "name", models.CharField(max_length=190))),
    "a constraint that goes": ("catalog", migrations.RemoveConstraint("product", "catalog_product_stock_range")),
    "an index that goes": ("catalog", migrations.RemoveIndex("product", "catalog_product_stock")),
}


def assert_triggers_work() -> None:
    """Every trigger is there and does what it is for."""
    order = make_order(lines={make_product(): 1})
    product = order.items.get().product
    before = Product.objects.get(pk=product.pk).version
    by_hand("UPDATE catalog_product SET stock = stock WHERE id = %s", product.pk)
    by_hand("UPDATE orders_order SET total = total WHERE id = %s", order.pk)
    assert Product.objects.get(pk=product.pk).version == before + 1
    assert Order.objects.get(pk=order.pk).version == 2
    by_hand("DELETE FROM catalog_product WHERE id = %s", product.pk)
    assert order.items.get().product_id is None
    assert triggers.missing() == []


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("app", "operation"), list(MIGRATIONS.values()), ids=list(MIGRATIONS))
def test_triggers_survive_a_migration(app: str, operation: Any) -> None:
    product = make_product(name="Before", stock=3)
    old = MigrationLoader(connection).project_state()
    new = old.clone()
    operation.state_forwards(app, new)

    with connection.schema_editor() as editor:
        operation.database_forwards(app, editor, old, new)
    try:
        product.refresh_from_db()
        assert (product.name, product.stock, product.version) == ("Before", 3, 1)
        if not isinstance(operation, migrations.AddField):  # the shop's own INSERT does not know the new column
            assert_triggers_work()
        Product.objects.update(stock=4)
        assert Product.objects.get().version == 2
        assert triggers.missing() == []
    finally:
        with connection.schema_editor() as editor:
            operation.database_backwards(app, editor, new, old)

    assert_triggers_work()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_products_can_be_deleted_after_going_back_to_lines_without_their_ids() -> None:
    gone, kept = make_product(), make_product()
    order = make_order(lines={gone: 1, kept: 1})

    MigrationExecutor(connection).migrate([("orders", "0003_feed")])
    try:
        by_hand("DELETE FROM catalog_product WHERE id = %s", gone.pk)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    by_hand("DELETE FROM catalog_product WHERE id = %s", kept.pk)

    lines = order.items.order_by("id").values_list("product_id", "former_product_id")
    assert list(lines) == [(None, None), (None, kept.pk)]
    assert triggers.missing() == []
