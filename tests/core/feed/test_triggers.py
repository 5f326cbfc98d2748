"""Every write of a product is one event, and every step of an order, by whichever door it comes."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import F
from django.test import Client

from catalog import actions as catalog_actions
from catalog.models import Product
from catalog.triggers import product_feed
from core import triggers
from orders import actions as order_actions
from orders.models import Order
from tests.samples.retail import import_file, row, write_file
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.feed import by_hand, new_rows
from tests.support.graph import Graph
from tests.support.pages import fields_of

pytestmark = pytest.mark.django_db

PRICE, STOCK = Decimal("12.50"), 8


def in_bulk(product: Product) -> None:
    product.price, product.stock = PRICE, STOCK
    Product.objects.bulk_update([product], ["price", "stock"])


def by_orm_upsert(product: Product) -> None:
    row = Product(pk=product.pk, name="Upserted", price=PRICE, stock=STOCK)
    Product.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["id"], update_fields=["name", "price", "stock"]
    )


def by_rest(product: Product) -> None:
    response = Api(make_staff()).patch(f"/products/{product.pk}", {"price": 12.5, "stock": 8})
    assert response.status_code == 200


def by_graphql(product: Product) -> None:
    Graph(make_staff()).data(
        "mutation($id: Int!) { updateProduct(id: $id, price: 12.5, stock: 8) { ok } }", id=product.pk
    )


def by_admin(product: Product) -> None:
    browser, page = Client(), f"/admin/catalog/product/{product.pk}/change/"
    browser.force_login(make_staff())
    fields = fields_of(browser.get(page), "product_form") | {"price": "12.50", "stock": "8", "_save": "Save"}
    assert browser.post(page, fields).status_code == 302


def set_by_hand(columns: str) -> Callable[[Product], None]:
    return lambda product: by_hand(
        f"UPDATE catalog_product SET {columns}price = 12.5, stock = 8 WHERE id = %s", product.pk
    )


UPDATES: dict[str, Callable[[Product], Any]] = {
    "an action": lambda product: catalog_actions.change_product(
        actor=make_staff(), product_id=product.pk, changes={"price": PRICE, "stock": STOCK}
    ),
    "REST": by_rest,
    "GraphQL": by_graphql,
    "the admin": by_admin,
    "save": lambda product: Product(pk=product.pk, name="Saved", price=PRICE, stock=STOCK).save(force_update=True),
    "update": lambda product: Product.objects.filter(pk=product.pk).update(price=PRICE, stock=STOCK),
    "bulk_update": in_bulk,
    "bulk upsert": by_orm_upsert,
    "SQL": set_by_hand(""),
    "SQL that sets the version": set_by_hand("version = 77, "),
    "SQL that raises the version": set_by_hand("version = version + 1, "),
    "SQL that sets updated_at": set_by_hand("updated_at = '2031-02-03 04:05:06', "),
    "SQL that sets both": set_by_hand("version = version + 1, updated_at = '2031-02-03 04:05:06', "),
    "SQL upsert": lambda product: by_hand(
        "INSERT INTO catalog_product (id, name, price, stock) VALUES (%s, 'x', 12.5, 8) "
        "ON CONFLICT (id) DO UPDATE SET price = excluded.price, stock = excluded.stock",
        product.pk,
    ),
}
TOUCHES: dict[str, str] = {
    "to the same": "stock = stock",
    "of the name": "name = 'New'",
    "of the version alone": "version = 77",
    "of the version by one": "version = version + 1",
    "of updated_at alone": "updated_at = '2031-02-03 04:05:06'",
    "of version and updated_at": "version = version + 1, updated_at = '2031-02-03 04:05:06'",
}


def facts_of(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(row.topic, row.kind, row.object_id, row.price, row.stock) for row in rows]


@pytest.mark.parametrize("write", list(UPDATES.values()), ids=list(UPDATES))
def test_update_is_one_event_with_what_is_true_now(write: Callable[[Product], Any]) -> None:
    product = make_product(price=Decimal("9.99"), stock=10)
    make_product()

    with new_rows() as rows:
        write(product)

    assert facts_of(rows) == [("product", "updated", product.pk, PRICE, STOCK)]
    assert (rows[0].user_id, rows[0].status) == (None, None)
    assert Product.objects.get(pk=product.pk).version == 2


@pytest.mark.parametrize("assignment", list(TOUCHES.values()), ids=list(TOUCHES))
def test_update_of_anything_is_one_event(assignment: str) -> None:
    product = make_product(price=PRICE, stock=STOCK)

    with new_rows() as rows:
        by_hand(f"UPDATE catalog_product SET {assignment} WHERE id = {product.pk}")

    assert facts_of(rows) == [("product", "updated", product.pk, PRICE, STOCK)]
    assert Product.objects.get(pk=product.pk).version == 2


@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.parametrize("assignment", [*TOUCHES.values(), "stock = 8, version = 77"])
def test_recursive_triggers_neither_double_nor_end_it(assignment: str) -> None:
    product = make_product(price=PRICE, stock=STOCK)
    by_hand("PRAGMA recursive_triggers = ON")
    try:
        with new_rows() as rows:
            by_hand(f"UPDATE catalog_product SET {assignment} WHERE id = {product.pk}")
    finally:
        by_hand("PRAGMA recursive_triggers = OFF")

    assert facts_of(rows) == [("product", "updated", product.pk, PRICE, STOCK)]
    assert Product.objects.get(pk=product.pk).version == 2


@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.parametrize(("pragma", "kinds"), [("OFF", ["created"]), ("ON", ["deleted", "created"])])
def test_replaced_row_ends_with_what_is_true_now(pragma: str, kinds: list[str]) -> None:
    product = make_product()
    by_hand(f"PRAGMA recursive_triggers = {pragma}")
    try:
        with new_rows() as rows:
            by_hand(
                "INSERT OR REPLACE INTO catalog_product (id, name, price, stock) VALUES (%s, 'x', 12.5, 8)", product.pk
            )
    finally:
        by_hand("PRAGMA recursive_triggers = OFF")

    assert [row.kind for row in rows] == kinds
    assert facts_of(rows)[-1] == ("product", "created", product.pk, PRICE, STOCK)


def create_by_rest() -> None:
    assert Api(make_staff()).post("/products", {"name": "x", "price": 12.5, "stock": 8}).status_code == 201


CREATIONS: dict[str, Callable[[], Any]] = {
    "an action": lambda: catalog_actions.create_product(
        actor=make_staff(), values={"name": "x", "price": PRICE, "stock": STOCK}
    ),
    "a batch": lambda: catalog_actions.create_products(
        actor=make_staff(), rows=[{"name": "x", "price": PRICE, "stock": STOCK}]
    ),
    "REST": create_by_rest,
    "GraphQL": lambda: Graph(make_staff()).data('mutation { createProduct(name: "x", price: 12.5, stock: 8) { ok } }'),
    "bulk_create": lambda: Product.objects.bulk_create([Product(name="x", price=PRICE, stock=STOCK)]),
    "SQL": lambda: by_hand("INSERT INTO catalog_product (name, price, stock) VALUES ('x', 12.5, 8)"),
    "SQL upsert": lambda: by_hand(
        "INSERT INTO catalog_product (id, name, price, stock) VALUES (900000, 'x', 12.5, 8) "
        "ON CONFLICT (id) DO UPDATE SET stock = 9"
    ),
}


@pytest.mark.parametrize("create", list(CREATIONS.values()), ids=list(CREATIONS))
def test_new_product_is_one_event(create: Callable[[], Any]) -> None:
    with new_rows() as rows:
        create()

    assert facts_of(rows) == [("product", "created", Product.objects.get().pk, PRICE, STOCK)]


DELETIONS: dict[str, Callable[[Product], Any]] = {
    "an action": lambda product: catalog_actions.delete_product(actor=make_staff(), product_id=product.pk),
    "REST": lambda product: Api(make_staff()).delete(f"/products/{product.pk}"),
    "delete": lambda product: product.delete(),
    "delete of a queryset": lambda product: Product.objects.filter(pk=product.pk).delete(),
    "SQL": lambda product: by_hand("DELETE FROM catalog_product WHERE id = %s", product.pk),
    "SQL that names no row": lambda product: by_hand("DELETE FROM catalog_product"),
}


@pytest.mark.parametrize("delete", list(DELETIONS.values()), ids=list(DELETIONS))
def test_deleted_product_is_one_event_with_what_it_was_last(delete: Callable[[Product], Any]) -> None:
    product = make_product(price=PRICE, stock=STOCK + 1)
    pk = product.pk
    make_order(lines={product: 1})

    with new_rows() as rows:
        delete(product)

    assert facts_of(rows) == [("product", "deleted", pk, PRICE, STOCK)]
    assert not Product.objects.exists()


def test_changed_id_is_the_end_of_one_product_and_news_of_another() -> None:
    product = make_product(price=PRICE, stock=STOCK)

    with new_rows() as rows:
        by_hand("UPDATE catalog_product SET id = 900000 WHERE id = %s", product.pk)

    assert sorted(facts_of(rows)) == [
        ("product", "deleted", product.pk, PRICE, STOCK),
        ("product", "updated", 900_000, PRICE, STOCK),
    ]


@pytest.mark.usefixtures("requires_postgresql")
def test_truncated_table_is_an_event_for_each_product() -> None:
    products = [make_product(price=PRICE, stock=STOCK) for _ in range(3)]
    by_hand("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks that wait for the commit can't be truncated

    with new_rows() as rows:
        by_hand("TRUNCATE catalog_product CASCADE")

    assert facts_of(rows) == [("product", "deleted", product.pk, PRICE, STOCK) for product in products]


@pytest.mark.usefixtures("requires_postgresql")
def test_copied_rows_are_events() -> None:
    statement = "COPY catalog_product (id, name, price, stock) FROM STDIN"
    with new_rows() as rows, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("900001\tx\t12.5\t8\n900002\ty\t12.5\t8\n")

    assert facts_of(rows) == [("product", "created", pk, PRICE, STOCK) for pk in (900_001, 900_002)]


def test_every_row_of_one_statement_is_an_event() -> None:
    products = [make_product() for _ in range(3)]

    with new_rows() as rows:
        Product.objects.update(stock=F("stock") + 1)

    assert sorted(row.object_id for row in rows) == [product.pk for product in products]
    assert {(row.kind, row.stock) for row in rows} == {("updated", 11)}


def test_refused_and_rolled_back_writes_are_no_events() -> None:
    product = make_product()

    with new_rows() as rows:
        with pytest.raises(DatabaseError), transaction.atomic():
            Product.objects.update(stock=-1)
        with transaction.atomic():
            Product.objects.update(stock=5)
            transaction.set_rollback(True)

    assert rows == []
    assert Product.objects.get(pk=product.pk).stock == 10


@pytest.mark.usefixtures("requires_sqlite")
def test_places_on_sqlite_follow_each_other_also_after_a_rollback() -> None:
    with new_rows() as rows:
        make_product()
        with transaction.atomic():
            Product.objects.update(stock=5)
            transaction.set_rollback(True)
        Product.objects.update(stock=6)
        Product.objects.all().delete()

    first = rows[0].seq
    assert [row.seq for row in rows] == [first, first + 1, first + 2]


@pytest.mark.django_db(transaction=True)
def test_price_changed_by_a_foreign_program_is_an_event() -> None:
    product = make_product()
    name, is_sqlite = connection.settings_dict["NAME"], connection.vendor == "sqlite"
    foreign: Any = (
        sqlite3.connect(name, timeout=20)
        if is_sqlite
        else psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor})
    )

    with new_rows() as rows:
        foreign.execute(f"UPDATE catalog_product SET price = 3.99 WHERE id = {product.pk}")
        foreign.commit()
        foreign.close()

    assert facts_of(rows) == [("product", "updated", product.pk, Decimal("3.99"), 10)]


def test_imported_file_is_an_event_for_each_product_and_order(tmp_path: Path) -> None:
    path = write_file(tmp_path / "retail.csv", [row(1, code="85048"), row(1, code="85049"), row(2, code="85048")])

    with new_rows() as rows:
        import_file(path)

    latest = {row.object_id: row.stock for row in rows if row.topic == "product"}
    assert latest == dict(Product.objects.values_list("pk", "stock"))
    assert len(latest) == 2
    placed = [(row.object_id, row.user_id, row.status) for row in rows if row.kind == "placed"]
    assert placed == list(Order.objects.order_by("pk").values_list("pk", "user_id", "status"))
    assert len(placed) == 2


# -- Orders -----------------------------------------------------------------------------------------------------
def steps_of(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(row.kind, row.object_id, row.user_id, row.status) for row in rows if row.topic == "order"]


def test_order_is_placed_and_takes_stock() -> None:
    product, user = make_product(price=PRICE, stock=STOCK + 2), make_user()

    with new_rows() as rows:
        order = make_order(user, {product: 2})

    assert steps_of(rows) == [("placed", order.pk, user.pk, "pending")]
    assert [row for row in facts_of(rows) if row[0] == "product"] == [("product", "updated", product.pk, PRICE, STOCK)]
    assert [(row.price, row.stock) for row in rows if row.topic == "order"] == [(None, None)]


def test_every_step_of_an_order_is_one_event() -> None:
    order, staff = make_order(), make_staff()

    with new_rows() as rows:
        for verb in ("pay", "ship", "deliver"):
            order_actions.move_order(actor=staff, order_id=order.pk, verb=verb)
        by_hand("UPDATE orders_order SET status = 'refunded', version = 50 WHERE id = %s", order.pk)

    expected = ["paid", "shipped", "delivered", "refunded"]
    assert steps_of(rows) == [("moved", order.pk, order.user_id, status) for status in expected]


def test_cancelled_order_gives_its_stock_back_in_the_feed_too() -> None:
    product = make_product(price=PRICE, stock=STOCK)
    order = make_order(lines={product: 3})

    with new_rows() as rows:
        order_actions.move_order(actor=make_staff(), order_id=order.pk, verb="cancel")

    assert steps_of(rows) == [("moved", order.pk, order.user_id, "cancelled")]
    assert facts_of(rows)[0 if rows[0].topic == "product" else 1] == ("product", "updated", product.pk, PRICE, STOCK)


def test_order_that_does_not_move_is_no_event() -> None:
    order = make_order()

    with new_rows() as rows:
        Order.objects.update(total=F("total") + 1, status="pending")
        Order.objects.get(pk=order.pk).save()

    assert rows == []


# -- Are they there? --------------------------------------------------------------------------------------------
def test_feed_without_a_trigger_is_not_ready(client: Client) -> None:
    for statement in product_feed[1].drop_sql(connection.vendor):
        by_hand(statement)

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"]["triggers"] == f"missing: {product_feed[1].name}"


REBUILT: dict[str, tuple[str, Any]] = {
    "products": ("catalog", migrations.AlterField("product", "name", models.CharField(max_length=150))),
    "orders": ("orders", migrations.AlterField("order", "number", models.CharField(max_length=40))),
    "the feed": ("ecommerce", migrations.AlterField("changeevent", "kind", models.CharField(max_length=20))),
    "the feed's places": (
        "ecommerce",
        migrations.AlterField("changeevent", "seq", models.IntegerField(unique=True, null=True)),
    ),
}


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("app", "operation"), list(REBUILT.values()), ids=list(REBUILT))
def test_feed_survives_a_migration_that_rebuilds_its_tables(app: str, operation: Any) -> None:
    make_product()
    old = MigrationLoader(connection).project_state()
    new = old.clone()
    operation.state_forwards(app, new)

    for change, before, after in ((operation.database_forwards, old, new), (operation.database_backwards, new, old)):
        with connection.schema_editor() as editor:
            change(app, editor, before, after)
        with new_rows() as rows:
            order = make_order()
            Product.objects.update(stock=F("stock") + 1)
            order_actions.move_order(actor=make_staff(), order_id=order.pk, verb="pay")
        products = Product.objects.count()
        assert sorted(row.kind for row in rows) == ["created", "moved", "placed", *["updated"] * (products + 1)]
        assert triggers.missing() == []


@pytest.mark.django_db(transaction=True)
def test_version_trigger_of_before_the_feed_is_renewed() -> None:
    renewal = triggers.RenewTrigger(triggers._REGISTRY["catalog_product_version"])
    state = MigrationLoader(connection).project_state()

    for change in (renewal.database_forwards, renewal.database_backwards):
        with connection.schema_editor() as editor:
            change("catalog", editor, state, state)
        assert triggers.missing() == []

    assert renewal.describe() == "Renew trigger catalog_product_version"
