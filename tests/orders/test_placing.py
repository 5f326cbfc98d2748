"""Many threads that place orders of the same products: nothing is oversold, nothing deadlocks, nothing is half done."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest
from django.db import OperationalError, connection
from django.db.models import Count, Sum

from accounts.models import User
from catalog.actions import change_product
from catalog.models import Product
from core.postgresql.base import PREPARE_AFTER
from orders.actions import place_order
from orders.errors import OutOfStock, UnknownProduct
from orders.models import Order, OrderEvent, OrderItem
from tests.support.factories import make_product, make_staff, make_user
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 16
Basket = Sequence[tuple[int, int]]


def ordering(buyer: User, baskets: Sequence[Basket], key: str | None = None) -> Callable[[], list[str]]:
    """Return a call that places the orders one after the other, and returns the name of each outcome."""

    def place(number: int) -> str:
        try:
            place_order(actor=buyer, lines=baskets[number], key=key and f"{key}-{number}")
        except (OutOfStock, UnknownProduct) as refusal:
            return type(refusal).__name__
        return "placed"

    return lambda: [place(number) for number in range(len(baskets))]


def assert_orders_are_whole(placed: int) -> None:
    assert Order.objects.count() == placed
    assert Order.objects.annotate(number_of=Count("events")).exclude(number_of=1).count() == 0
    assert OrderEvent.objects.count() == placed
    totals = Order.objects.annotate(of_items=Sum("items__line_total")).values_list("total", "of_items")
    assert all(total == of_items for total, of_items in totals)


@pytest.mark.long
@pytest.mark.parametrize("key", [None, "key"])
def test_same_three_products_in_any_order_sell_out_exactly(key: str | None) -> None:
    ids = [make_product(stock=100).pk for _ in range(3)]
    orders = list(permutations(ids))
    calls = [
        ordering(make_user(), [[(pk, 1) for pk in orders[(thread + n) % 6]] for n in range(8)], key)
        for thread in range(THREADS)
    ]

    outcomes = at_once(*calls)

    assert Counter(outcome for each in outcomes for outcome in each) == {"placed": 100, "OutOfStock": 28}
    assert list(Product.objects.values_list("stock", "version")) == [(0, 101)] * 3
    assert_orders_are_whole(100)


def test_baskets_of_mixed_sizes_never_take_a_unit_twice() -> None:
    ids = [make_product(stock=90, price=Decimal("0.35")).pk for _ in range(5)]
    rng = Random(7)
    calls = [
        ordering(make_user(), [[(pk, rng.randint(1, 3)) for pk in rng.sample(ids, 3)] for _ in range(10)])
        for _ in range(THREADS)
    ]

    outcomes = at_once(*calls)

    counts = Counter(outcome for each in outcomes for outcome in each)
    assert counts["placed"] + counts["OutOfStock"] == THREADS * 10
    assert counts["OutOfStock"] > 0
    sold = dict(OrderItem.objects.values_list("product_id").annotate(Sum("quantity")))
    assert {pk: 90 - stock for pk, stock in Product.objects.values_list("pk", "stock")} == sold
    assert_orders_are_whole(counts["placed"])


@pytest.mark.long
def test_order_beside_changes_of_its_products_copies_one_state_and_loses_no_unit() -> None:
    staff, first, second = make_staff(), make_product(stock=1_000), make_product(stock=1_000)
    baskets = [[(second.pk, 1), (first.pk, 2)]] * 10

    def reprice() -> None:
        for cents in range(1, 40):
            name = f"Product at {cents}"
            change_product(actor=staff, product_id=first.pk, changes={"name": name, "price": Decimal(cents)})

    outcomes = at_once(*[ordering(make_user(), baskets) for _ in range(THREADS - 2)], reprice, reprice)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    placed = (THREADS - 2) * 10
    assert list(Product.objects.values_list("stock", flat=True)) == [1_000 - 2 * placed, 1_000 - placed]
    changed = OrderItem.objects.filter(product=first).exclude(name=first.name)
    assert all(name == f"Product at {price:.0f}" for name, price in changed.values_list("name", "unit_price"))
    assert_orders_are_whole(placed)


def test_product_that_is_deleted_meanwhile_is_unknown_and_takes_no_other_stock() -> None:
    kept, deleted = make_product(stock=500), make_product(stock=500)
    baskets = [[(deleted.pk, 1), (kept.pk, 1)]] * 10

    def delete() -> None:
        while not Order.objects.exists():
            pass
        Product.objects.filter(pk=deleted.pk).delete()

    outcomes = at_once(*[ordering(make_user(), baskets) for _ in range(THREADS - 1)], delete)

    assert not any(isinstance(outcome, Exception) for outcome in outcomes)
    counts = Counter(outcome for each in outcomes[:-1] for outcome in each)
    assert set(counts) <= {"placed", "UnknownProduct"}
    assert Product.objects.get().stock == 500 - counts["placed"]
    assert_orders_are_whole(counts["placed"])


@pytest.mark.usefixtures("requires_postgresql")
def test_order_is_placed_though_the_prepared_statements_are_gone() -> None:
    buyer, lamp = make_user(), make_product(stock=9)
    for _ in range(PREPARE_AFTER + 1):
        place_order(actor=buyer, lines=[(lamp.pk, 1)])
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")  # not by a cursor, which would forget them too

    place_order(actor=buyer, lines=[(lamp.pk, 1)])

    assert Product.objects.get().stock == 9 - PREPARE_AFTER - 2
    assert_orders_are_whole(PREPARE_AFTER + 2)


@pytest.mark.usefixtures("requires_postgresql")
def test_placing_an_order_is_planned_once() -> None:
    connection.close()
    buyer, lamp, desk = make_user(), make_product(stock=90), make_product(stock=90)

    for _ in range(PREPARE_AFTER + 8):
        place_order(actor=buyer, lines=[(lamp.pk, 1), (desk.pk, 1)])

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE '%INSERT INTO orders_order %'"
        )
        assert cursor.fetchall() == [(3,)]  # PostgreSQL tries five plans of its own first


@pytest.mark.usefixtures("requires_postgresql")
def test_order_whose_connection_is_lost_is_not_repeated() -> None:
    buyer, lamp = make_user(), make_product(stock=5)
    place_order(actor=buyer, lines=[(lamp.pk, 1)])
    pid = connection.connection.info.backend_pid

    def terminate() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    at_once(terminate)
    with pytest.raises(OperationalError):
        place_order(actor=buyer, lines=[(lamp.pk, 1)])
    connection.close()

    assert Product.objects.get().stock == 4
    assert_orders_are_whole(1)
