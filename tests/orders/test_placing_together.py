"""Orders that threads place at the same time share a statement of PostgreSQL, and each is what it is alone."""

from collections.abc import Callable, Sequence
from threading import Event
from time import monotonic
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import Product, ProductHistory
from core.errors import IdempotencyMismatch
from core.models import IdempotencyRecord
from core.origin import originating
from core.runtime import singleton
from orders.actions import place_order
from orders.errors import OutOfStock, UnknownProduct
from orders.models import Order, OrderHistory, OrderItem
from orders.placing_together import MAX_SHARED_LINES, PlacedTogether
from tests.support.factories import make_product, make_user
from tests.support.feed import new_rows
from tests.support.threads import at_once
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("requires_postgresql")]
Call = Callable[[], Any]
_BLOCKED = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def ordering(buyer: User, quantities: dict[int, int], *, request_id: str = "", key: str | None = None) -> Call:
    def place() -> Order:
        with originating(actor_id=buyer.pk, protocol="rest", request_id=request_id):
            return place_order(actor=buyer, lines=quantities.items(), key=key)

    return place


def while_locked(lock: str, *calls: Call, until: Callable[[], object]) -> list[Any]:
    """Run the calls while another transaction holds a lock, which it keeps until the condition holds."""
    is_held = Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(lock)
            is_held.set()
            wait_until(until)

    def then(call: Call) -> Any:
        assert is_held.wait(30)
        return call()

    return at_once(hold, *[lambda call=call: then(call) for call in calls])[1:]


def together(*calls: Call) -> list[Any]:
    """Run calls that place orders: one more order goes first, and is held back until all of them wait."""
    waiting = singleton(PlacedTogether).waiting_items
    first = ordering(make_user(), {make_product(stock=1).pk: 1})
    is_first_written = Event()

    def later(call: Call) -> Any:
        wait_until(_is_an_order_blocked)
        return call()

    def place_first() -> None:
        first()
        is_first_written.set()

    laters = [lambda call=call: later(call) for call in calls]
    lock = "LOCK TABLE orders_orderevent IN EXCLUSIVE MODE"
    outcomes = while_locked(
        lock, place_first, *laters, until=lambda: len(waiting()) + _blocked_statements() == 1 + len(calls)
    )
    assert is_first_written.is_set()
    return outcomes[1:]


def _is_an_order_blocked() -> bool:
    return _blocked_statements() > 0


def transactions_of(orders: Sequence[Order]) -> int:
    """Return the number of transactions that wrote these orders."""
    with connection.cursor() as cursor:
        ids = [order.pk for order in orders]
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM orders_order WHERE id = ANY(%s)", [ids])
        return int(cursor.fetchone()[0])


def test_orders_share_a_transaction_and_each_is_whole() -> None:
    buyers = [make_user() for _ in range(4)]
    products = [make_product(stock=10, price=n + 1) for n in range(12)]
    baskets = [{product.pk: n + 1 for product in products[3 * n : 3 * n + 3]} for n in range(4)]

    orders = together(*[ordering(buyer, basket) for buyer, basket in zip(buyers, baskets, strict=True)])

    assert transactions_of(orders) == 1
    for n, order in enumerate(orders):
        stored = Order.objects.get(pk=order.pk)
        assert (stored.user, stored.number, stored.total) == (buyers[n], order.number, order.total)
        assert (stored.created_at, stored.version) == (order.created_at, order.version)
        columns = [field.attname for field in OrderItem._meta.concrete_fields]
        items = list(stored.items.order_by("id").values_list(*columns))
        assert items == [tuple(getattr(item, name) for name in columns) for item in order.items.all()]
        assert dict(stored.items.values_list("product_id", "quantity")) == baskets[n]
        assert stored.total == sum(item.line_total for item in order.items.all())
        assert stored.events.get().actor == buyers[n]
    assert list(Product.objects.filter(stock__gt=0).order_by("id").values_list("stock", flat=True)) == [
        10 - 1 - n for n in range(4) for _ in range(3)
    ]


def test_each_change_has_the_origin_of_its_own_order() -> None:
    buyers = [make_user() for _ in range(3)]
    products = [make_product(stock=10) for _ in range(6)]
    calls = [
        ordering(buyer, {products[2 * n].pk: 1, products[2 * n + 1].pk: 2}, request_id=f"request-{n}")
        for n, buyer in enumerate(buyers)
    ]

    orders = together(*calls)

    assert transactions_of(orders) == 1
    for n, order in enumerate(orders):
        origin = ("sale", buyers[n].pk, "rest", f"request-{n}", f"Order {order.number}")
        names = ("kind", "actor_id", "protocol", "request_id", "reason")
        assert OrderHistory.objects.filter(order_id=order.pk).values_list(*names).get() == origin
        sold = ProductHistory.objects.filter(product_id__in=[products[2 * n].pk, products[2 * n + 1].pk], kind="sale")
        assert list(sold.order_by("product_id").values_list(*names, "units", "stock")) == [
            (*origin, -1, 9),
            (*origin, -2, 8),
        ]


def test_feed_tells_the_products_before_the_orders() -> None:
    products = [make_product(stock=9) for _ in range(4)]

    with new_rows() as rows:
        orders = together(*[ordering(make_user(), {product.pk: 1}) for product in products])

    shared = rows[-8:]
    assert [row.topic for row in shared] == ["product"] * 4 + ["order"] * 4
    assert {row.object_id for row in shared[4:]} == {order.pk for order in orders}
    assert {(row.object_id, row.user_id) for row in shared[4:]} == {(order.pk, order.user_id) for order in orders}


def test_refused_orders_say_why_and_stop_no_other() -> None:
    scarce, lamp, desk = make_product(stock=1), make_product(stock=5), make_product(stock=5)
    unknown = desk.pk + 1_000

    placed, out, missing = together(
        ordering(make_user(), {lamp.pk: 5}),
        ordering(make_user(), {scarce.pk: 2}),
        ordering(make_user(), {desk.pk: 1, unknown: 1}),
    )

    assert isinstance(placed, Order)
    assert isinstance(out, OutOfStock)
    assert isinstance(missing, UnknownProduct)
    assert str(unknown) in str(missing)
    assert [Product.objects.get(pk=product.pk).stock for product in (scarce, lamp, desk)] == [1, 0, 5]
    assert not ProductHistory.objects.filter(product_id__in=[scarce.pk, desk.pk], kind="sale").exists()


def test_refusal_takes_one_statement() -> None:
    buyer, lamp = make_user(), make_product(stock=1)

    with CaptureQueriesContext(connection) as captured, pytest.raises(OutOfStock, match="1"):
        place_order(actor=buyer, lines=[(lamp.pk, 2)])

    assert sum("catalog_product" in query["sql"] for query in captured) == 1


def test_error_that_a_trigger_raises_for_one_order_stops_no_other() -> None:
    banned, lamp, desk = make_user(), make_product(stock=5), make_product(stock=5)
    body = f"IF NEW.user_id = {banned.pk} THEN RAISE EXCEPTION 'banned'; END IF; RETURN NEW;"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE FUNCTION ban() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
        cursor.execute("CREATE TRIGGER ban BEFORE INSERT ON orders_order FOR EACH ROW EXECUTE FUNCTION ban()")
    try:
        refused, placed = together(ordering(banned, {lamp.pk: 1}), ordering(make_user(), {desk.pk: 1}))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION ban CASCADE")

    assert isinstance(refused, DatabaseError)
    assert "banned" in str(refused)
    assert isinstance(placed, Order)
    assert [Product.objects.get(pk=product.pk).stock for product in (lamp, desk)] == [5, 4]


def test_orders_of_one_product_are_placed_by_statements_of_their_own() -> None:
    lamp, desk = make_product(stock=3), make_product(stock=9)
    calls = [ordering(make_user(), {lamp.pk: 1, desk.pk: 1}) for _ in range(5)]

    outcomes = together(*calls)

    placed = [outcome for outcome in outcomes if isinstance(outcome, Order)]
    assert [type(outcome) for outcome in outcomes if outcome not in placed] == [OutOfStock] * 2
    assert transactions_of(placed) == 3
    assert [Product.objects.get(pk=product.pk).stock for product in (lamp, desk)] == [0, 6]
    ledger = (
        ProductHistory.objects.filter(product_id=lamp.pk, kind="sale").order_by("id").values_list("stock", "reason")
    )
    assert [stock for stock, _ in ledger] == [2, 1, 0]
    assert {reason for _, reason in ledger} == {f"Order {order.number}" for order in placed}


@pytest.mark.parametrize("locked", ["catalog_product", "accounts_user"])
def test_order_does_not_wait_for_rows_that_only_another_order_needs(locked: str) -> None:
    buyers = [make_user(), make_user()]
    lamp, desk = make_product(stock=5), make_product(stock=5)
    locked_id = {"catalog_product": lamp.pk, "accounts_user": buyers[0].pk}[locked]
    others = [ordering(buyers[1], {desk.pk: 1})] * 3

    outcomes = while_locked(
        f"SELECT FROM {locked} WHERE id = {locked_id} FOR UPDATE",
        ordering(buyers[0], {lamp.pk: 1}),
        *others,
        until=lambda: Order.objects.filter(user=buyers[1]).count() == 3,
    )

    assert all(isinstance(outcome, Order) for outcome in outcomes)
    assert [Product.objects.get(pk=product.pk).stock for product in (lamp, desk)] == [4, 2]


def test_order_of_a_deleted_customer_stops_no_other() -> None:
    gone, lamp, desk = make_user(), make_product(stock=5), make_product(stock=5)
    User.objects.filter(pk=gone.pk).delete()

    outcomes = together(ordering(gone, {lamp.pk: 1}), ordering(make_user(), {desk.pk: 1}))

    assert isinstance(outcomes[0], Exception)
    assert isinstance(outcomes[1], Order)
    assert [Product.objects.get(pk=product.pk).stock for product in (lamp, desk)] == [5, 4]


def test_lost_connection_fails_the_orders_of_its_statement_and_places_none() -> None:
    lamps = [make_product(stock=5) for _ in range(3)]

    def terminate_the_first() -> bool:
        if not (_blocked_statements() and len(singleton(PlacedTogether).waiting_items()) == 2):
            return False
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM {_BLOCKED}")
        return True

    outcomes = while_locked(
        "LOCK TABLE orders_orderitem IN EXCLUSIVE MODE",
        *[ordering(make_user(), {lamp.pk: 1}) for lamp in lamps],
        until=terminate_the_first,
    )

    failed = [outcome for outcome in outcomes if isinstance(outcome, OperationalError)]
    placed = [outcome for outcome in outcomes if isinstance(outcome, Order)]
    assert (len(failed), len(placed)) == (1, 2)
    assert Order.objects.count() == 2
    assert transactions_of(placed) == 1
    assert sum(Product.objects.values_list("stock", flat=True)) == 13


KEYS = ["plain", "quote \" comma , brace } backslash \\\\ percent %s apostrophe '", "NULL", "~" * 255]


def test_orders_with_keys_share_a_transaction_with_their_records() -> None:
    buyers = [make_user() for _ in KEYS]
    products = [make_product(stock=5) for _ in [*KEYS, "none"]]
    baskets = [{product.pk: 2} for product in products]
    keyed = [ordering(buyer, baskets[n], key=KEYS[n]) for n, buyer in enumerate(buyers)]

    *orders, unkeyed = together(*keyed, ordering(buyers[0], baskets[-1]))

    assert transactions_of([*orders, unkeyed]) == 1
    records = IdempotencyRecord.objects.order_by("user_id").values_list("user_id", "key", "operation", "result")
    assert list(records) == [
        (buyer.pk, key, "place_order", {"order": order.pk})
        for buyer, key, order in zip(buyers, KEYS, orders, strict=True)
    ]
    assert [call().pk for call in keyed] == [order.pk for order in orders]
    with pytest.raises(IdempotencyMismatch):
        place_order(actor=buyers[0], lines=[(products[0].pk, 1)], key=KEYS[0])
    assert set(Product.objects.exclude(stock=0).values_list("stock", flat=True)) == {3}


def test_used_key_returns_its_order_and_stops_no_other() -> None:
    buyer, other = make_user(), make_user()
    lamp, desk = make_product(stock=5), make_product(stock=5)
    again = ordering(buyer, {lamp.pk: 1}, key="once")
    first = again()

    repeated, placed, same_key = together(
        again, ordering(buyer, {desk.pk: 1}, key="twice"), ordering(other, {make_product(stock=1).pk: 1}, key="once")
    )

    assert (repeated.pk, repeated.number) == (first.pk, first.number)
    assert len({first.pk, placed.pk, same_key.pk}) == 3
    assert [Product.objects.get(pk=product.pk).stock for product in (lamp, desk)] == [4, 4]


def test_duplicate_that_waits_for_a_product_of_the_shared_statement_gets_it() -> None:
    buyer, other = make_user(), make_user()
    lamp, desk = make_product(stock=5), make_product(stock=5)
    is_claimed = Event()

    def duplicate() -> float:
        with transaction.atomic(), connection.cursor() as cursor:
            IdempotencyRecord.objects.create(user=buyer, operation="place_order", key="once", input_hash="")
            is_claimed.set()
            wait_until(lambda: _blocked_statements() > 0)
            began = monotonic()
            cursor.execute("SELECT FROM catalog_product WHERE id = %s FOR UPDATE", [lamp.pk])
            transaction.set_rollback(True)
            return monotonic() - began

    def later(call: Call) -> Any:
        assert is_claimed.wait(30)
        return call()

    calls = [ordering(buyer, {lamp.pk: 1}, key="once"), ordering(other, {desk.pk: 1}, key="other")]
    waited_s, *orders = at_once(duplicate, *[lambda call=call: later(call) for call in calls])

    assert waited_s < 1  # not until PostgreSQL finds a deadlock
    assert [type(order) for order in orders] == [Order, Order]
    assert [Product.objects.get(pk=product.pk).stock for product in (lamp, desk)] == [4, 4]


def test_refused_order_leaves_its_key_unused() -> None:
    buyer, lamp = make_user(), make_product(stock=1)
    order = ordering(buyer, {lamp.pk: 2}, key="once")

    refused, _ = together(order, ordering(buyer, {make_product(stock=1).pk: 1}, key="other"))
    Product.objects.filter(pk=lamp.pk).update(stock=2)

    assert isinstance(refused, OutOfStock)
    assert isinstance(order(), Order)
    assert Product.objects.get(pk=lamp.pk).stock == 0


def test_large_order_and_one_in_a_transaction_are_placed_alone() -> None:
    buyer, products = make_user(), [make_product(stock=5) for _ in range(MAX_SHARED_LINES + 1)]
    lamp = make_product(stock=5)

    def in_transaction() -> Order:
        with transaction.atomic():
            return place_order(actor=buyer, lines=[(lamp.pk, 1)])

    large = ordering(buyer, {product.pk: 1 for product in products})
    waiting = singleton(PlacedTogether).waiting_items
    lock = "SELECT FROM catalog_product FOR UPDATE"
    outcomes = while_locked(lock, large, in_transaction, until=lambda: _blocked_statements() == 2)

    assert waiting() == []
    assert all(isinstance(outcome, Order) for outcome in outcomes)
    assert transactions_of(outcomes) == 2
    assert Product.objects.get(pk=lamp.pk).stock == 4


def _blocked_statements() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # one is kept for a transaction
        cursor.execute(f"SELECT count(*) FROM {_BLOCKED}")
        return int(cursor.fetchone()[0])
