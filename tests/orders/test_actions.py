"""Placing orders: what is written, what is refused with nothing changed, and what it costs."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from core.errors import Forbidden, InvalidInput, Unauthenticated
from core.models import IdempotencyRecord
from orders import actions
from orders.actions import place_order
from orders.drafts import NUMBER_ALPHABET
from orders.errors import InvalidTransition, OrderNotFound, OutOfStock, UnknownProduct
from orders.models import Order, OrderEvent, OrderItem
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db

MAX_INT32 = 2**31 - 1


def lines_of(order: Order) -> list[tuple[Any, ...]]:
    columns = ("product_id", "sku", "name", "unit_price", "quantity", "line_total")
    return [tuple(getattr(item, column) for column in columns) for item in order.items.all()]


def stocks() -> list[int]:
    return list(Product.objects.values_list("stock", flat=True))


def assert_nothing_was_ordered(*stock: int) -> None:
    """No order is there, and the products have the stock they had, untouched."""
    assert not Order.objects.exists()
    assert not OrderItem.objects.exists()
    assert not OrderEvent.objects.exists()
    assert not IdempotencyRecord.objects.exists()
    assert stocks() == list(stock)
    assert set(Product.objects.values_list("version", flat=True)) <= {1}


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Return what was asked of the database, without transactions and savepoints."""
    words = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK")
    return [query["sql"] for query in queries if not query["sql"].startswith(words)]


# -- What is written --------------------------------------------------------------------------------------------


def test_order_copies_name_sku_and_price_and_takes_the_stock() -> None:
    buyer = make_user()
    lamp = make_product(name="Lamp", price=Decimal("19.90"), stock=5, sku="L-1")
    bulb = make_product(name="Bulb", price=Decimal("0.35"), stock=100)

    order = place_order(actor=buyer, lines=[(bulb.pk, 10), (lamp.pk, 2)])

    stored = Order.objects.get()
    assert stored.pk == order.pk
    assert (stored.user, stored.status, stored.version) == (buyer, "pending", 1)
    assert stored.total == order.total == Decimal("43.30")
    assert lines_of(stored) == [
        (lamp.pk, "L-1", "Lamp", Decimal("19.90"), 2, Decimal("39.80")),
        (bulb.pk, None, "Bulb", Decimal("0.35"), 10, Decimal("3.50")),
    ]
    assert stocks() == [3, 90]


def test_order_records_who_placed_it() -> None:
    buyer = make_user()

    make_order(user=buyer)

    assert list(OrderEvent.objects.values_list("actor", "status", "note")) == [(buyer.pk, "pending", "")]


def test_lines_of_one_product_are_merged() -> None:
    lamp = make_product(price=Decimal("2.00"), stock=10)

    order = place_order(actor=make_user(), lines=[(lamp.pk, 1), (lamp.pk, 2), (lamp.pk, 4)])

    assert [(item.quantity, item.line_total) for item in order.items.all()] == [(7, Decimal("14.00"))]
    assert stocks() == [3]


def test_last_unit_can_be_ordered_and_no_other_product_changes() -> None:
    wanted, other = make_product(stock=4), make_product(stock=4)

    place_order(actor=make_user(), lines=[(wanted.pk, 4)])

    assert stocks() == [0, 4]
    assert list(Product.objects.values_list("version", flat=True)) == [2, 1]
    assert Product.objects.get(pk=other.pk).updated_at == other.updated_at


def test_later_change_of_a_product_does_not_alter_the_order() -> None:
    lamp = make_product(name="Lamp", price=Decimal("2.00"), sku="L")
    order = make_order(lines={lamp: 1})

    Product.objects.update(name="Dear lamp", price=Decimal("99.00"), sku="X")

    assert lines_of(order) == [(lamp.pk, "L", "Lamp", Decimal("2.00"), 1, Decimal("2.00"))]


def test_deleted_product_leaves_the_order_readable() -> None:
    lamp = make_product(name="Lamp", price=Decimal("2.00"), sku="L")
    order = make_order(lines={lamp: 3})

    lamp.delete()

    assert lines_of(Order.objects.get(pk=order.pk)) == [(None, "L", "Lamp", Decimal("2.00"), 3, Decimal("6.00"))]


def test_numbers_are_unique_and_say_nothing_about_how_many_there_are() -> None:
    lamp, buyer = make_product(stock=100), make_user()

    numbers = {place_order(actor=buyer, lines=[(lamp.pk, 1)]).number for _ in range(20)}

    assert len(numbers) == 20
    assert all(len(number) == 10 and set(number) <= set(NUMBER_ALPHABET) for number in numbers)


def test_staff_may_order_too() -> None:
    assert make_order(user=make_staff()).status == "pending"


# -- What is refused --------------------------------------------------------------------------------------------


def test_stranger_cannot_order() -> None:
    lamp = make_product(stock=3)

    with pytest.raises(Unauthenticated):
        place_order(actor=AnonymousUser(), lines=[(lamp.pk, 1)])

    assert_nothing_was_ordered(3)


@pytest.mark.parametrize("key", [None, "key-1"])
def test_short_stock_refuses_the_whole_order_and_says_what_is_left(key: str | None) -> None:
    plenty, short, none = make_product(stock=10), make_product(stock=2), make_product(stock=0)
    lines = [(plenty.pk, 1), (short.pk, 2), (short.pk, 1), (none.pk, 1)]

    with pytest.raises(OutOfStock) as refusal:
        place_order(actor=make_user(), lines=lines, key=key)

    assert refusal.value.details == {"units_left": {str(short.pk): 2, str(none.pk): 0}}
    assert refusal.value.message == f"Product {short.pk} has 2 left; Product {none.pk} has 0 left"
    assert_nothing_was_ordered(10, 2, 0)


@pytest.mark.parametrize("key", [None, "key-1"])
def test_unknown_products_are_named(key: str | None) -> None:
    lamp = make_product(stock=3)

    with pytest.raises(UnknownProduct) as refusal:
        place_order(actor=make_user(), lines=[(lamp.pk, 1), (9002, 1), (9001, 1)], key=key)

    assert refusal.value.fields == {"items": "Product 9001 does not exist; Product 9002 does not exist"}
    assert_nothing_was_ordered(3)


@pytest.mark.parametrize("quantity", [0, -1, -MAX_INT32])
def test_quantity_below_one_is_refused(quantity: int) -> None:
    lamp = make_product(stock=3)

    with pytest.raises(InvalidInput) as refusal:
        place_order(actor=make_user(), lines=[(lamp.pk, 2), (lamp.pk, quantity)])

    assert refusal.value.fields == {"items": f"Quantity of product {lamp.pk} must be at least 1"}
    assert_nothing_was_ordered(3)


@pytest.mark.parametrize("quantities", [[MAX_INT32 + 1], [MAX_INT32, 1], [10**30]])
def test_quantity_beyond_32_bits_is_refused_also_when_lines_add_up_to_it(quantities: list[int]) -> None:
    lamp = make_product(stock=3)

    with pytest.raises(InvalidInput) as refusal:
        place_order(actor=make_user(), lines=[(lamp.pk, quantity) for quantity in quantities])

    assert refusal.value.fields == {"items": "Quantity max is 2147483647"}
    assert_nothing_was_ordered(3)


@pytest.mark.parametrize("product_id", [2**31, 2**63, 10**30, 0, -1, -(10**30)])
def test_product_id_that_no_column_holds_does_not_exist(product_id: int) -> None:
    with pytest.raises(UnknownProduct) as refusal:
        place_order(actor=make_user(), lines=[(product_id, 1)])

    assert refusal.value.fields == {"items": f"Product {product_id} does not exist"}
    assert_nothing_was_ordered()


def test_order_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        place_order(actor=make_user(), lines=[])

    assert refusal.value.fields == {"items": "An order has 1 to 500 products"}
    assert_nothing_was_ordered()


def test_order_of_more_than_500_products_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        place_order(actor=make_user(), lines=[(pk, 1) for pk in range(1, 502)])

    assert refusal.value.fields == {"items": "An order has 1 to 500 products"}
    assert_nothing_was_ordered()


def test_total_beyond_its_column_is_refused() -> None:
    gold = make_product(price=Decimal("9999999999.99"), stock=MAX_INT32)

    with pytest.raises(InvalidInput) as refusal:
        place_order(actor=make_user(), lines=[(gold.pk, 1001)])

    assert refusal.value.fields == {"items": "The total of an order is at most 9999999999999.99"}
    assert_nothing_was_ordered(MAX_INT32)


def test_largest_quantity_there_is_can_be_ordered_and_given_back() -> None:
    penny = make_product(price=Decimal("0.01"), stock=MAX_INT32)

    order = make_order(lines={penny: MAX_INT32})
    assert (order.total, stocks()) == (Decimal("21474836.47"), [0])

    actions.move_order(actor=make_staff(), order_id=order.pk, verb="cancel")
    assert stocks() == [MAX_INT32]


# -- What it costs ----------------------------------------------------------------------------------------------


STATEMENTS_OF_ORDER = {"postgresql": 1, "sqlite": 5}
STATEMENTS_OF_KEY = {"postgresql": 2, "sqlite": 4}  # SQLite sets the timeout for a duplicate, and resets it


@pytest.mark.parametrize("count", [1, 2, 50])
def test_order_takes_as_many_statements_for_50_lines_as_for_one(count: int) -> None:
    buyer, products = make_user(), [make_product() for _ in range(count)]

    with CaptureQueriesContext(connection) as queries:
        place_order(actor=buyer, lines=[(product.pk, 1) for product in products])

    assert len(statements(queries)) == STATEMENTS_OF_ORDER[connection.vendor]
    assert OrderItem.objects.count() == count


@pytest.mark.parametrize("count", [1, 50])
def test_keyed_order_costs_as_many_statements_for_50_lines_as_for_one(count: int) -> None:
    buyer, products = make_user(), [make_product() for _ in range(count)]

    with CaptureQueriesContext(connection) as queries:
        place_order(actor=buyer, lines=[(product.pk, 1) for product in products], key="key-1")

    vendor = connection.vendor
    assert len(statements(queries)) == STATEMENTS_OF_ORDER[vendor] + STATEMENTS_OF_KEY[vendor]


@pytest.mark.parametrize("key", [None, "key-1"])
def test_returned_order_equals_the_stored_one_without_a_query(key: str | None, django_assert_num_queries: Any) -> None:
    buyer = make_user()
    lamp, bulb = make_product(price=Decimal("19.90"), sku="L-1"), make_product(name="Zoë 電球", sku=None)

    order = place_order(actor=buyer, lines=[(bulb.pk, 3), (lamp.pk, 2)], key=key)
    with django_assert_num_queries(0):
        returned = [order, *order.items.all()]
        assert order.user == buyer

    stored = Order.objects.get()
    rows = [stored, *stored.items.all()]
    assert [columns_of(row) for row in returned] == [columns_of(row) for row in rows]
    event = OrderEvent.objects.get()
    assert (event.order_id, event.actor_id, event.status, event.note) == (stored.pk, buyer.pk, "pending", "")
    assert event.at == stored.created_at


def columns_of(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_order_of_500_products_is_placed_whole() -> None:
    Product.objects.bulk_create(Product(name=f"P{n}", price=Decimal("0.10"), stock=n) for n in range(1, 501))
    wanted = [(product.pk, product.stock) for product in Product.objects.all()]

    order = place_order(actor=make_user(), lines=wanted, key="all")

    assert order.items.count() == 500
    assert order.total == Decimal("12525.00")
    assert set(stocks()) == {0}


# -- Giving back ------------------------------------------------------------------------------------------------


def test_cancelling_gives_back_exactly_what_was_taken() -> None:
    lamp, bulb, other = make_product(stock=5), make_product(stock=6), make_product(stock=7)
    buyer = make_user()
    order = make_order(user=buyer, lines={lamp: 5, bulb: 1})

    cancelled = actions.move_order(actor=buyer, order_id=order.pk, verb="cancel")

    assert (cancelled.status, cancelled.version) == ("cancelled", 2)
    assert stocks() == [5, 6, 7]
    assert Product.objects.get(pk=other.pk).version == 1


def test_cancelling_again_gives_nothing_back() -> None:
    lamp, buyer = make_product(stock=5), make_user()
    order = make_order(user=buyer, lines={lamp: 2})
    actions.move_order(actor=buyer, order_id=order.pk, verb="cancel")

    with pytest.raises(InvalidTransition):
        actions.move_order(actor=buyer, order_id=order.pk, verb="cancel")

    assert stocks() == [5]
    assert OrderEvent.objects.count() == 2


def test_cancelling_adds_up_lines_that_name_a_product_twice() -> None:
    lamp = make_product(stock=5)
    order = make_order(lines={lamp: 2})
    line = order.items.get()
    line.pk = None
    line.save()  # as an imported order has it

    actions.move_order(actor=make_staff(), order_id=order.pk, verb="cancel")

    assert stocks() == [7]


def test_order_whose_products_are_gone_can_be_cancelled() -> None:
    lamp, bulb = make_product(stock=5), make_product(stock=5)
    order = make_order(lines={lamp: 2, bulb: 2})
    lamp.delete()

    cancelled = actions.move_order(actor=make_staff(), order_id=order.pk, verb="cancel")
    assert (cancelled.status, stocks()) == ("cancelled", [5])

    order = make_order(lines={bulb: 2})
    bulb.delete()
    assert actions.move_order(actor=make_staff(), order_id=order.pk, verb="cancel").status == "cancelled"


def test_stock_that_would_pass_32_bits_is_not_given_back() -> None:
    lamp, bulb = make_product(stock=5), make_product(stock=5)
    order = make_order(lines={lamp: 2, bulb: 2})
    Product.objects.filter(pk=bulb.pk).update(stock=MAX_INT32 - 1)

    with pytest.raises(InvalidTransition, match=f"order {order.number} would be above 2147483647"):
        actions.move_order(actor=make_staff(), order_id=order.pk, verb="cancel")

    assert stocks() == [3, MAX_INT32 - 1]
    assert Order.objects.get().status == "pending"


def test_refunding_leaves_the_stock() -> None:
    lamp, staff = make_product(stock=5), make_staff()
    order = make_order(lines={lamp: 2})
    actions.move_order(actor=staff, order_id=order.pk, verb="pay")

    actions.move_order(actor=staff, order_id=order.pk, verb="refund")

    assert stocks() == [3]


# -- What cannot be seen cannot be moved ------------------------------------------------------------------------


def test_another_users_order_is_not_found_with_the_same_answer_as_a_missing_one() -> None:
    order = make_order(user=make_user())
    stranger = make_user()

    with pytest.raises(OrderNotFound) as hidden:
        actions.move_order(actor=stranger, order_id=order.pk, verb="cancel")
    with pytest.raises(OrderNotFound) as missing:
        actions.move_order(actor=stranger, order_id=order.pk + 1000, verb="cancel")

    assert hidden.value.message.replace(str(order.pk), "N") == missing.value.message.replace(str(order.pk + 1000), "N")
    assert (hidden.value.code, hidden.value.details) == (missing.value.code, missing.value.details)
    assert Order.objects.get().version == 1


def test_guests_order_is_moved_by_staff_and_seen_by_nobody_else() -> None:
    order = make_order()
    Order.objects.update(user=None)

    with pytest.raises(OrderNotFound):
        actions.move_order(actor=make_user(), order_id=order.pk, verb="cancel")
    assert actions.move_order(actor=make_staff(), order_id=order.pk, verb="pay").status == "paid"


def test_owner_who_is_no_staff_may_not_ship() -> None:
    buyer = make_user()
    order = make_order(user=buyer)
    Order.objects.update(status="paid")

    with pytest.raises(Forbidden):
        actions.move_order(actor=buyer, order_id=order.pk, verb="ship")

    assert Order.objects.get().status == "paid"
