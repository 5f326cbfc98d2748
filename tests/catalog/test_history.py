"""The history of products and orders, and the ledger of stocks: complete, whoever writes and by whatever way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client

from catalog.actions import change_product, correct_stock, create_products, revert_product
from catalog.models import Product, ProductHistory
from catalog.triggers import history, product_history
from core.errors import InvalidInput
from core.history.origins import add_origin_triggers
from core.origin import originating, present_origin
from core.triggers import RenewTrigger
from orders.actions import move_order, place_order
from orders.models import Order, OrderHistory
from orders.triggers import order_history
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.feed import new_rows
from tests.support.graph import Graph
from tests.support.pages import messages_of
from tests.support.rpc import Clients

pytestmark = pytest.mark.django_db
UNTRACKED = {"id", "name_folded", "version", "created_at", "updated_at"}  # of every row, or derived


def last(product: Product) -> ProductHistory:
    return ProductHistory.objects.filter(product_id=product.pk).latest("id")


def fields_of(change: Any) -> dict[str, tuple[str | None, str | None]]:
    return {each["field"]: (each["old"], each["new"]) for each in change.fields}


def ledger_of(product: Product) -> list[tuple[str, int | None, int | None, str]]:
    changes = ProductHistory.objects.filter(product_id=product.pk, units__isnull=False).order_by("id")
    return list(changes.values_list("kind", "units", "stock", "reason"))


@pytest.mark.parametrize(("model", "history"), [(Product, product_history), (Order, order_history)])
def test_every_column_is_kept(model: Any, history: Any) -> None:
    assert {field.attname for field in model._meta.concrete_fields} - UNTRACKED == set(history.columns)


@pytest.mark.usefixtures("no_older_history")
def test_each_movement_of_a_stock_is_in_the_ledger_with_its_kind_and_reason() -> None:
    staff, product = make_staff(), make_product(stock=10)
    order = make_order(lines={product: 3})
    keyed = place_order(actor=staff, lines=[(product.pk, 2)], key="once")
    move_order(actor=staff, order_id=order.pk, verb="cancel")
    correct_stock(actor=staff, product_id=product.pk, units=40, reason=" Found ")
    with originating(cause="import", protocol="import"):
        Product.objects.filter(pk=product.pk).update(stock=50)

    assert ledger_of(product) == [
        ("created", 10, 10, ""),
        ("sale", -3, 7, f"Order {order.number}"),
        ("sale", -2, 5, f"Order {keyed.number}"),
        ("cancel", 3, 8, f"Order {order.number}"),
        ("correction", 40, 48, "Found"),
        ("import", 2, 50, ""),
    ]
    call_command("checkledger", verbosity=0)
    Product.objects.all().delete()
    assert ledger_of(product)[-1] == ("deleted", -50, 0, "")
    call_command("checkledger", verbosity=0)


def test_change_names_the_fields_with_old_and_new_values_and_the_caller() -> None:
    staff, product = make_staff(), make_product(name="Tea", price="2.50", sku="T-1")

    change_product(actor=staff, product_id=product.pk, changes={"name": "Té", "price": "3", "sku": None, "stock": 10})

    change = last(product)
    assert fields_of(change) == {"name": ("Tea", "Té"), "price": ("2.50", "3.00"), "sku": ("T-1", None)}
    assert (change.kind, change.actor, change.units) == ("changed", staff, None)


def test_update_without_a_difference_is_no_change() -> None:
    product = make_product()
    before = last(product)

    Product.objects.filter(pk=product.pk).update(name=product.name)

    assert last(product) == before


def test_each_protocol_is_named_with_its_request(client: Client, rpc: Clients) -> None:
    staff, product = make_staff(), make_product(price=1)
    api = Api(staff)

    def origin() -> tuple[str, str, Any]:
        change = last(product)
        return change.protocol, change.request_id, change.actor

    api.patch(f"/products/{product.pk}", {"price": 2}, X_Request_ID="request-of-rest")
    assert origin() == ("rest", "request-of-rest", staff)
    Graph(staff).send(
        f"mutation {{ updateProduct(id: {product.pk}, price: 3) {{ ok }} }}", None, X_Request_ID="request-of-graphql"
    )
    assert origin() == ("graphql", "request-of-graphql", staff)
    rpc(staff).call("UpdateProduct", metadata={"x-request-id": "request-of-grpc"}, id=product.pk, price=4)
    assert origin() == ("grpc", "request-of-grpc", staff)
    client.force_login(staff)
    page = f"/admin/catalog/product/{product.pk}/stock/"
    client.post(page, {"units": "+40", "reason": "Found"}, headers={"X-Request-ID": "request-of-admin"})
    assert origin() == ("admin", "request-of-admin", staff)
    Product.objects.filter(pk=product.pk).update(price=5)
    assert origin() == ("command", "", None)
    assert present_origin().protocol == "command"


@contextmanager
def another_program() -> Iterator[Any]:
    """Yield the driver's connection, without the shop's origins, as another program would write."""
    raw = connection.connection
    if connection.vendor == "sqlite":
        raw.execute("DROP TRIGGER temp.catalog_producthistory_origin")
    else:
        raw.execute("RESET shop.origin")  # another program has another transaction
    try:
        yield raw
    finally:
        if connection.vendor == "sqlite":
            add_origin_triggers(raw)


def test_each_row_of_one_insert_has_its_change_and_its_event() -> None:
    with another_program() as raw, new_rows() as events:
        raw.execute("INSERT INTO catalog_product (name, price, stock) VALUES ('Tea', 1, 4), ('\"Té\"', 2.5, 0)")

    changes = list(ProductHistory.objects.order_by("id"))
    assert [(change.kind, change.protocol, change.units, change.stock) for change in changes] == [
        ("created", "sql", 4, 4),
        ("created", "sql", None, None),
    ]
    assert fields_of(changes[1]) == {
        "name": (None, '"Té"'),
        "description": (None, ""),
        "price": (None, "2.50"),
        "stock": (None, "0"),
        "reorder_level": (None, "5"),
    }
    first, second = (change.product_id for change in changes)
    assert [(event.kind, event.object_id, event.price, event.stock) for event in events] == [
        ("created", first, Decimal("1.00"), 4),
        ("created", second, Decimal("2.50"), 0),
    ]


def test_insert_that_also_updates_writes_one_change_for_each_row() -> None:
    product = make_product(price=1, stock=4)

    with another_program() as raw, new_rows() as events:
        raw.execute(
            "INSERT INTO catalog_product (id, name, price, stock) "
            f"VALUES ({product.pk}, 'x', 1, 9), (800000, 'y', 1, 3) "
            "ON CONFLICT (id) DO UPDATE SET stock = excluded.stock"
        )

    new = Product(pk=800_000)
    assert ledger_of(product) == [("created", 4, 4, ""), ("correction", 5, 9, "")]
    assert ledger_of(new) == [("created", 3, 3, "")]
    assert sorted((row.kind, row.object_id) for row in events) == [("created", new.pk), ("updated", product.pk)]


INSERTS = ["catalog_product_feed_created", "catalog_product_history_created"]
INSERTS += ["orders_order_feed_placed", "orders_order_history_created"]


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("name", INSERTS)
def test_changes_of_one_insert_are_written_by_one_statement(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgnewtable, tgtype & 1 FROM pg_trigger WHERE tgname = %s", [name])

        assert cursor.fetchone() == ("added", 0)


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.django_db(transaction=True)
def test_migration_replaces_the_trigger_that_ran_for_each_new_row() -> None:
    operations = import_module("catalog.migrations.0012_triggers_of_inserts").Migration.operations
    state = MigrationLoader(connection).project_state()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER catalog_product_history_created ON catalog_product")
        cursor.execute(
            "CREATE OR REPLACE TRIGGER catalog_product_history AFTER INSERT OR UPDATE OR DELETE ON catalog_product "
            "FOR EACH ROW EXECUTE FUNCTION catalog_product_history()"
        )

    with connection.schema_editor() as editor:
        for operation in operations:
            operation.database_forwards("catalog", editor, state, state)

    product = make_product(stock=4)
    Product.objects.filter(pk=product.pk).update(stock=5)
    try:
        assert ledger_of(product) == [("created", 4, 4, ""), ("correction", 1, 5, "")]
    finally:
        with connection.schema_editor() as editor:  # the present triggers, for the tests that follow
            for trigger in history:
                RenewTrigger(trigger).database_forwards("catalog", editor, state, state)


def test_manual_sql_is_named_as_such_and_can_forget_nothing() -> None:
    product = make_product(price=1, stock=4)

    with another_program() as raw:
        raw.execute(f"UPDATE catalog_product SET stock = 9, price = 2 WHERE id = {product.pk}")

    change = last(product)
    assert (change.kind, change.protocol, change.request_id, change.actor) == ("correction", "sql", "", None)
    assert (change.units, change.stock) == (5, 9)
    assert fields_of(change) == {"price": ("1.00", "2.00"), "stock": ("4", "9")}
    with another_program() as raw:
        raw.execute(f"DELETE FROM catalog_product WHERE id = {product.pk}")
    assert (last(product).kind, last(product).protocol, last(product).units) == ("deleted", "sql", -9)


def test_rows_of_a_batch_have_their_origin() -> None:
    staff = make_staff()

    with originating(protocol="rest", request_id="request-1"):
        create_products(actor=staff, rows=[{"name": "A", "price": 1, "stock": 2}, {"name": "100% 'B'", "price": 2}])

    found = ProductHistory.objects.order_by("id").values_list("kind", "actor", "protocol", "request_id", "units")
    assert list(found) == [
        ("created", staff.pk, "rest", "request-1", 2),
        ("created", staff.pk, "rest", "request-1", None),
    ]


def test_executemany_has_its_origin() -> None:
    product = make_product(price=1)

    with originating(protocol="import"), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE catalog_product SET price = %s WHERE id = %s", [["2.00", product.pk], ["3.00", product.pk]]
        )

    assert (last(product).protocol, fields_of(last(product))) == ("import", {"price": ("2.00", "3.00")})


def test_refused_write_leaves_no_change() -> None:
    product = make_product(stock=4)

    with pytest.raises(InvalidInput):
        correct_stock(actor=make_staff(), product_id=product.pk, units=-5, reason="Lost")

    assert ledger_of(product) == [("created", 4, 4, "")]


def test_order_keeps_every_change() -> None:
    staff, order = make_staff(), make_order()
    for verb in ("pay", "ship"):
        move_order(actor=staff, order_id=order.pk, verb=verb, details={"carrier": "DHL"})
    Order.objects.filter(pk=order.pk).update(total="1.00")

    changes = OrderHistory.objects.filter(order_id=order.pk).order_by("id")
    assert [(change.kind, fields_of(change)) for change in changes][1:] == [
        ("pay", {"status": ("pending", "paid")}),
        ("ship", {"status": ("paid", "shipped"), "carrier": (None, "DHL")}),
        ("changed", {"total": ("9.99", "1.00")}),
    ]
    assert fields_of(changes[0]) == {
        "number": (None, order.number),
        "user_id": (None, str(order.user_id)),
        "status": (None, "pending"),
        "total": (None, "9.99"),
    }


def test_one_change_is_reverted_but_for_the_stock() -> None:
    staff, product = make_staff(), make_product(name="Tea", price="2.50", stock=5)
    change_product(actor=staff, product_id=product.pk, changes={"name": "Coffee", "price": 9, "stock": 3})
    change = last(product)
    change_product(actor=staff, product_id=product.pk, changes={"description": "Kept"})

    revert_product(actor=staff, product_id=product.pk, change_id=change.pk)

    product.refresh_from_db()
    assert (product.name, str(product.price), product.stock, product.description) == ("Tea", "2.50", 3, "Kept")
    assert (last(product).kind, last(product).reason) == ("revert", f"Change {change.pk}")


def test_check_names_a_product_off_its_ledger() -> None:
    product = make_product(stock=4, sku="T-1")
    ProductHistory.objects.filter(product_id=product.pk).update(units=3)

    with pytest.raises(CommandError, match="T-1: stock 4, ledger 3"):
        call_command("checkledger")


def test_history_survives_the_product_and_is_for_staff() -> None:
    product = make_product(stock=4)
    path = f"/products/{product.pk}/history"
    product.delete()

    kinds = [change["kind"] for change in Api(make_staff()).get(path).json()["changes"]]

    assert kinds == ["deleted", "created"]
    assert Api(make_user()).get(path).status_code == 403
    assert Api(make_staff()).get("/products/4711/history").status_code == 404
    assert json.loads(Api(make_staff(), "/api/v2").get(path).content)["changes"][0]["units"] == -4


@pytest.mark.parametrize("pk", ["999999", "0", "abc", str(10**20)])
def test_history_of_a_row_that_is_not_there_leads_back_to_the_list(client: Client, pk: str) -> None:
    client.force_login(make_staff())

    for path in ("/admin/catalog/product/", "/admin/orders/order/"):
        response = client.get(f"{path}{pk}/history/")
        assert (response.status_code, response["Location"]) == (302, path)


def test_history_of_a_deleted_product_is_shown_and_reverts_nothing(client: Client) -> None:
    product, path = make_product(name="Teapot", stock=4), "/admin/catalog/product/"
    pk = product.pk
    client.force_login(make_staff())
    response = client.post(f"{path}{pk}/delete/", {"post": "yes"})
    assert any(f'href="{path}{pk}/history/">Its history</a> is kept.' in text for text in messages_of(response))

    page = client.get(f"{path}{pk}/history/").content.decode()

    assert f"History of product {pk}, which was deleted" in page
    assert "<del>Teapot</del>" in page
    assert f'href="{path}">Back</a>' in page
    assert "Revert" not in page
    client.force_login(make_user())
    assert client.get(f"{path}{pk}/history/").status_code == 302
