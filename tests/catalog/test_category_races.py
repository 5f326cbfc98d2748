"""A category that is deleted at the moment a product is put into it."""

from collections.abc import Callable

import pytest

from accounts.models import User
from catalog.actions import change_product, create_product, create_products
from catalog.bulk.changing import ProductChange, change_products
from catalog.categories import delete_category
from catalog.errors import CategoryInUse
from catalog.models import Category, Product
from core.errors import DomainError, InvalidInput
from tests.support.factories import make_product, make_staff
from tests.support.threads import at_once

ROUNDS = 8
Put = Callable[[User, int, int], object]  # puts a product into a category; the second number is a product's id


def _changed(staff: User, category_id: int, pk: int) -> object:
    [result] = change_products(actor=staff, changes=[ProductChange(pk, {"category_id": category_id})])
    return result


WAYS: dict[str, Put] = {
    "create": lambda staff, category_id, _: create_product(
        actor=staff, values={"name": "Tea", "price": 1, "category_id": category_id}
    ),
    "change": lambda staff, category_id, pk: change_product(
        actor=staff, product_id=pk, changes={"category_id": category_id}
    ),
    "create many": lambda staff, category_id, _: create_products(
        actor=staff, rows=[{"name": "Tea", "price": 1, "category_id": category_id}]
    )[0],
    "change many": _changed,
}


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS)
def test_product_is_refused_or_the_category_stays(way: str) -> None:
    staff, product = make_staff(), make_product()
    for number in range(ROUNDS):
        category = Category.objects.create(name="Teas", slug=f"teas-{number}")

        put, deleted = at_once(
            lambda pk=category.pk: WAYS[way](staff, pk, product.pk),
            lambda pk=category.pk: delete_category(actor=staff, category_id=pk),
        )

        if deleted is None:
            assert isinstance(put, InvalidInput), put
        else:
            assert isinstance(deleted, CategoryInUse), deleted
            assert not isinstance(put, DomainError), put
            assert Product.objects.filter(category=category).count() == 1
            Product.objects.update(category=None)
    assert Product.objects.exclude(category=None).count() == 0
