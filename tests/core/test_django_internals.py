"""Rows that are made from their columns equal the rows that Django reads."""

from decimal import Decimal
from typing import Any

import pytest

from catalog.models import Product
from core.django_internals import new_row, set_prefetched, stored_row
from orders.models import Order, OrderItem
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db


def columns_of(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_stored_row_equals_the_row_that_django_reads() -> None:
    read = Order.objects.get(pk=make_order().pk)

    made = stored_row(Order, {**columns_of(read), "other": 1})

    assert {**vars(made), "_state": read._state} == vars(read)
    assert (made._state.adding, made._state.db) == (read._state.adding, read._state.db)
    made.carrier = "Post"
    made.save(update_fields=["carrier"])
    assert Order.objects.get(pk=read.pk).carrier == "Post"


def test_stored_row_needs_all_columns() -> None:
    with pytest.raises(KeyError, match="number"):
        stored_row(Order, {"id": 1})


def test_new_row_equals_the_row_of_the_constructor() -> None:
    values = {"name": "Tea", "price": Decimal("1.50"), "category_id": None}

    made, expected = new_row(Product, values), Product(**values)

    assert vars(made).keys() == vars(expected).keys()
    differing = {name for name in vars(made) if vars(made)[name] != vars(expected)[name]}
    assert differing <= {"_state", "created_at", "updated_at"}  # the times of two calls
    assert (made._state.adding, made._state.db) == (expected._state.adding, expected._state.db)
    made.save()
    assert Product.objects.get().name == "Tea"


def test_prefetched_rows_are_read_without_a_query(django_assert_num_queries: Any) -> None:
    order = Order.objects.get(pk=make_order().pk)
    items = [OrderItem(order=order, name="Tea", quantity=2)]

    set_prefetched(order, "items", items)

    with django_assert_num_queries(0):
        assert list(order.items.all()) == items
        assert len(order.items.all()) == 1
    with django_assert_num_queries(2):
        assert [item.order_id for item in order.items.filter(quantity__gte=1)] == [order.pk]
        assert order.items.count() == 1
