"""Which orders a caller may see, and what a read of them costs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models import Order, OrderItem
from orders.permissions import can_cancel_order, can_move_orders, can_place_orders
from tests.support.factories import make_order, make_staff, make_user

pytestmark = pytest.mark.django_db


def test_orders_are_seen_by_their_owner_and_staff() -> None:
    owner, other = make_user(), make_user()
    mine, guests = make_order(user=owner), make_order()
    Order.objects.filter(pk=guests.pk).update(user=None)

    assert list(Order.objects.visible_to(owner)) == [mine]
    assert list(Order.objects.visible_to(other)) == []
    assert list(Order.objects.visible_to(AnonymousUser())) == []
    assert set(Order.objects.visible_to(make_staff())) == {mine, guests}


def test_lines_are_seen_with_their_order() -> None:
    owner, other = make_user(), make_user()
    mine = make_order(user=owner).items.get()
    guests = make_order()
    Order.objects.filter(pk=guests.pk).update(user=None)

    assert list(OrderItem.objects.visible_to(owner)) == [mine]
    assert list(OrderItem.objects.visible_to(other)) == []
    assert list(OrderItem.objects.visible_to(AnonymousUser())) == []
    assert set(OrderItem.objects.visible_to(make_staff())) == {mine, guests.items.get()}


def test_orders_are_counted_for_all_users_in_one_statement() -> None:
    busy, idle, other = make_user(), make_user(), make_user()
    for user in (busy, busy, other):
        make_order(user=user)

    with CaptureQueriesContext(connection) as queries:
        counts = Order.objects.counts_by_user([busy, idle])

    assert counts == {busy.pk: 2}
    assert len(queries) == 1


def test_newest_first_and_ties_by_id() -> None:
    now = timezone.now()
    old, new, newer = make_order(), make_order(), make_order()
    Order.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=1))
    Order.objects.filter(pk__in=[new.pk, newer.pk]).update(created_at=now)

    assert list(Order.objects.newest_first()) == [newer, new, old]


@pytest.mark.parametrize("count", [1, 5])
def test_lines_come_with_one_more_statement(count: int) -> None:
    for _ in range(count):
        make_order()

    with CaptureQueriesContext(connection) as queries:
        names = [item.name for order in Order.objects.with_items() for item in order.items.all()]

    assert len(names) == count
    assert len(queries) == 2


@pytest.mark.usefixtures("requires_postgresql")
def test_locks_are_taken_in_id_order() -> None:
    make_order()

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        list(Order.objects.newest_first().locked())

    assert queries[0]["sql"].endswith('ORDER BY "orders_order"."id" ASC FOR UPDATE')


def test_who_may_do_what_with_orders() -> None:
    owner, other, staff, stranger = make_user(), make_user(), make_staff(), AnonymousUser()
    order = make_order(user=owner)

    assert [can_place_orders(user) for user in (owner, staff, stranger)] == [True, True, False]
    assert [can_cancel_order(user, order) for user in (owner, other, staff, stranger)] == [True, False, True, False]
    assert [can_move_orders(user) for user in (owner, other, staff, stranger)] == [False, False, True, False]
