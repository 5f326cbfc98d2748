"""Changes of many prices at the same moment as sales, other changes and each other."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from catalog.actions import change_product
from catalog.bulk import repricing
from catalog.bulk.repricing import change_prices, preview_prices, undo_price_change
from catalog.errors import PriceChangeUndone
from catalog.filters import selection_of
from catalog.models import PriceChange, Product
from core.errors import InProgress
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
TEN, ROUNDS, PRODUCTS = Decimal(10), 4, 40


@pytest.fixture
def staff(monkeypatch: pytest.MonkeyPatch) -> User:
    """Staff of a shop with PRODUCTS teas of 10.00, five of which are locked at once."""
    monkeypatch.setattr(repricing, "ROWS_LOCKED", 5)
    for number in range(PRODUCTS):
        make_product(name=f"Tea {number}", price="10.00", stock=1000)
    return make_staff()


def changed(staff: User, **asked: Any) -> PriceChange:
    return change_prices(actor=staff, selection=selection_of(staff, {"q": "tea"}), percent=TEN, **asked)


def prices() -> list[Decimal]:
    return list(Product.objects.order_by("pk").values_list("price", flat=True))


def test_sales_and_another_price_between_preview_and_change(staff: User) -> None:
    as_of = preview_prices(actor=staff, selection=selection_of(staff, {"q": "tea"}), percent=TEN).as_of
    teas, buyer = list(Product.objects.order_by("pk")), make_user()

    def sell() -> None:
        for tea in teas:
            make_order(buyer, {tea: 1})

    def price() -> None:
        change_product(actor=staff, product_id=teas[7].pk, changes={"price": "99.00"})

    before = at_once(sell, price)
    *others, change = at_once(sell, lambda: changed(staff, as_of=as_of))

    assert (before, others) == ([None, None], [None])
    assert (change.changed, change.stale, change.refused) == (PRODUCTS - 1, 1, 0)
    assert prices() == [Decimal("99.00" if number == 7 else "11.00") for number in range(PRODUCTS)]
    assert {*Product.objects.values_list("stock", flat=True)} == {998}


@pytest.mark.long
def test_price_that_changes_meanwhile_is_never_lost_nor_raised_from_the_old_one(staff: User) -> None:
    teas = list(Product.objects.order_by("pk"))

    def price() -> None:
        for tea in reversed(teas):
            change_product(actor=staff, product_id=tea.pk, changes={"price": "50.00"})

    for _ in range(ROUNDS):
        Product.objects.update(price="10.00")
        nothing, change = at_once(price, lambda: changed(staff))

        assert nothing is None
        assert change.changed + change.stale == PRODUCTS
        # 50.00 was set after the change or before it; 55.00 was read as 50.00 by the change.
        assert {*prices()} <= {Decimal("50.00"), Decimal("55.00")}


@pytest.mark.long
def test_of_two_undos_at_once_one_wins(staff: User) -> None:
    for _ in range(ROUNDS):
        change = changed(staff)

        outcomes = at_once(*[lambda pk=change.pk: undo_price_change(actor=staff, price_change_id=pk)] * 2)

        won = [each for each in outcomes if isinstance(each, PriceChange)]
        refused = [each for each in outcomes if isinstance(each, InProgress | PriceChangeUndone)]
        assert (len(won), len(refused)) == (1, 1), outcomes
        assert (won[0].restored, won[0].left_ids) == (PRODUCTS, [])
        assert {*prices()} == {Decimal("10.00")}


@pytest.mark.long
def test_retries_with_one_key_at_once_raise_each_price_once(staff: User) -> None:
    for number in range(ROUNDS):
        Product.objects.update(price="10.00")

        outcomes = at_once(*[lambda key=f"k{number}": changed(staff, key=key)] * 3)

        made = {each.pk for each in outcomes if isinstance(each, PriceChange)}
        assert len(made) == 1, outcomes
        assert all(isinstance(each, PriceChange | InProgress) for each in outcomes), outcomes
        assert {*prices()} == {Decimal("11.00")}
        assert changed(staff, key=f"k{number}").pk in made


def test_two_changes_at_once_are_undone_from_their_own_history(staff: User) -> None:
    first, second = at_once(lambda: changed(staff), lambda: changed(staff))

    assert first.changed + second.changed + first.stale + second.stale == 2 * PRODUCTS
    for change in sorted((first, second), key=lambda each: each.pk, reverse=True):
        undo_price_change(actor=staff, price_change_id=change.pk)
    left = {pk for pk in PriceChange.objects.values_list("left_ids", flat=True) for pk in pk}
    assert all(price == 10 or pk in left for pk, price in Product.objects.values_list("pk", "price"))
