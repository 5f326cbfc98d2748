"""The ledger equals the stock after sales, cancellations and corrections at the same time."""

import pytest
from django.core.management import call_command

from catalog.actions import correct_stock
from catalog.models import Product
from orders.actions import move_order, place_order
from orders.errors import OutOfStock
from tests.support.factories import make_product, make_staff
from tests.support.threads import at_once

ROUNDS, THREADS = 8, 6


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_older_history")
def test_ledger_equals_the_stock_after_a_race() -> None:
    staff, products = make_staff(), [make_product(stock=60).pk for _ in range(3)]

    def trade(number: int) -> int:
        sold = 0
        for n in range(ROUNDS):
            pk = products[(number + n) % 3]
            try:
                order = place_order(actor=staff, lines=[(pk, 2), (products[n % 3], 1)])
            except OutOfStock:
                correct_stock(actor=staff, product_id=pk, units=5, reason="Supplied")
                continue
            sold += 1
            if n % 2:
                move_order(actor=staff, order_id=order.pk, verb="cancel")
            else:
                correct_stock(actor=staff, product_id=pk, units=1, reason="Found")
        return sold

    sold = at_once(*[lambda number=number: trade(number) for number in range(THREADS)])

    assert sum(sold) > ROUNDS
    call_command("checkledger", verbosity=0)
    assert Product.objects.filter(pk__in=products, stock__lt=0).count() == 0
