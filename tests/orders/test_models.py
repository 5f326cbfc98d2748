"""What the database itself holds of an order, by whichever door a row comes."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from orders.models import Order, OrderEvent, OrderItem, RetailInvoice, RetailSupply, ReturnedUnits
from tests.support.factories import make_order, make_product, make_user

pytestmark = pytest.mark.django_db


def refused_by_the_database() -> Any:
    # PostgreSQL refuses what does not fit the column's type (DataError) before it looks at constraints.
    return pytest.raises((IntegrityError, DataError))


IMPOSSIBLE: list[tuple[Any, str, Any]] = [
    (Order, "status", "lost"),
    (Order, "status", "PENDING"),
    (Order, "status", ""),
    (Order, "total", Decimal(0)),
    (Order, "total", Decimal(-1)),
    (Order, "total", Decimal("10000000000000.00")),
    (Order, "number", ""),
    (Order, "number", None),
    (OrderItem, "quantity", 0),
    (OrderItem, "quantity", -1),
    (OrderItem, "quantity", 2**31),
    (OrderItem, "unit_price", Decimal(0)),
    (OrderItem, "unit_price", Decimal("-0.01")),
    (OrderItem, "line_total", Decimal(0)),
    (OrderItem, "name", None),
]


@pytest.mark.parametrize(("model", "field", "value"), IMPOSSIBLE)
def test_impossible_value_is_refused_by_update_and_by_hand(model: Any, field: str, value: Any) -> None:
    make_order()
    before = model.objects.values().get()

    with refused_by_the_database(), transaction.atomic():
        model.objects.update(**{field: value})
    with refused_by_the_database(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET {field} = %s", [str(value) if value is not None else None])

    assert model.objects.values().get() == before


@pytest.mark.parametrize(("field", "value"), [("status", "lost"), ("total", Decimal(0)), ("number", "")])
def test_impossible_order_cannot_be_inserted_in_bulk(field: str, value: Any) -> None:
    row = Order(**{"number": "N1", "total": Decimal(1), "user": make_user()} | {field: value})

    with refused_by_the_database(), transaction.atomic():
        Order.objects.bulk_create([row])

    assert not Order.objects.exists()


@pytest.mark.parametrize(("field", "value"), [("quantity", 0), ("unit_price", Decimal(0)), ("line_total", Decimal(-1))])
def test_impossible_line_cannot_be_inserted_in_bulk(field: str, value: Any) -> None:
    order = make_order()
    values = {"name": "x", "unit_price": Decimal(1), "quantity": 1, "line_total": Decimal(1), "order": order}

    with refused_by_the_database(), transaction.atomic():
        OrderItem.objects.bulk_create([OrderItem(**values | {field: value})])

    assert OrderItem.objects.count() == 1


def test_number_is_unique() -> None:
    order = make_order()

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.bulk_create([Order(number=order.number, total=Decimal(1))])

    assert Order.objects.count() == 1


def delete_by_hand(user_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_user WHERE id = %s", [user_id])
    connection.check_constraints()


def test_user_with_orders_cannot_be_deleted() -> None:
    order = make_order()

    with pytest.raises(ProtectedError):
        order.user.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        delete_by_hand(order.user_id)

    assert Order.objects.get().user_id == order.user_id


def test_deleted_user_stays_in_the_record_as_nobody() -> None:
    order, clerk = make_order(), make_user()
    OrderEvent.objects.create(order=order, actor=clerk, status="paid")

    clerk.delete()

    assert list(order.events.values_list("status", "actor")) == [("pending", order.user_id), ("paid", None)]


def test_order_of_a_guest_has_no_user() -> None:
    Order.objects.create(number="GUEST-1", total=Decimal(5))

    assert Order.objects.get().user is None


def test_row_inserted_by_hand_gets_the_defaults() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO orders_order (number, total) VALUES ('HAND', 1.5)")

    order = Order.objects.get()
    assert (order.status, order.version, order.user) == ("pending", 1, None)
    assert order.created_at <= timezone.now()


def test_line_without_a_unit_is_a_validation_error_for_forms() -> None:
    line = OrderItem(order=make_order(), name="x", unit_price=1, line_total=1, quantity=0)

    with pytest.raises(ValidationError) as refusal:
        line.clean_fields()

    assert list(refusal.value.message_dict) == ["quantity"]


def test_units_come_back_at_least_one_at_a_time_and_once_for_each_cancellation() -> None:
    line, now = make_order().items.get(), timezone.now()
    ReturnedUnits.objects.create(item=line, reference="C1", units=1, at=now)

    for row in (
        ReturnedUnits(item=line, reference="C2", units=0, at=now),
        ReturnedUnits(item=line, reference="C1", units=1, at=now),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            ReturnedUnits.objects.bulk_create([row])

    assert [str(returned) for returned in ReturnedUnits.objects.all()] == ["C1: 1"]


def test_marks_of_the_import_say_what_they_are() -> None:
    order = make_order()

    assert str(RetailInvoice(order=order, lines=3)) == "3 lines"
    assert str(RetailSupply(supplied=7)) == "7 supplied"


def test_orders_lines_and_events_say_what_they_are() -> None:
    order = make_order(lines={make_product(name="Lamp"): 2})
    event = order.events.get()

    assert str(order) == order.number
    assert str(order.items.get()) == "2 x Lamp"
    assert str(event) == f"pending at {event.at:%Y-%m-%d %H:%M}"
