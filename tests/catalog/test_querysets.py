"""Every read of products."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from catalog.querysets import SORT_KEYS
from core.lists.keyset import Sort
from tests.support.factories import make_product, make_staff, make_user

pytestmark = pytest.mark.django_db


def test_everybody_sees_every_product() -> None:
    products = [make_product(), make_product(stock=0)]

    for user in (AnonymousUser(), make_user(), make_staff()):
        assert list(Product.objects.visible_to(user)) == products


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lamp", ["Desk LAMP", "Lamp"]),
        ("LAMP", ["Desk LAMP", "Lamp"]),
        ("", ["100% wool", "Desk LAMP", "Lamp", "a_b", "aXb", "Øre (5)", "ÄRMEL"]),
        ("%", ["100% wool"]),
        ("_", ["a_b"]),
        ("ärm", ["ÄRMEL"]),
        ("øRE (", ["Øre (5)"]),
        ("ø.e", []),
        ("lamp ", []),
    ],
)
def test_search_finds_a_part_of_the_name_in_any_case(text: str, found: list[str]) -> None:
    for name in ("Lamp", "Desk LAMP", "100% wool", "a_b", "aXb", "ÄRMEL", "Øre (5)"):
        make_product(name=name)

    assert sorted(Product.objects.search(text).values_list("name", flat=True)) == sorted(found)


def test_search_takes_every_character_literally() -> None:
    special = r"é.^$*+?{}[]\|()"
    make_product(name=f"a {special} b")
    make_product(name="é")

    assert Product.objects.search(special).count() == 1


@pytest.mark.parametrize("key", SORT_KEYS)
def test_ties_go_by_id_in_the_same_direction(key: str) -> None:
    first, second = make_product(name="Same", price=Decimal(1)), make_product(name="Same", price=Decimal(1))
    Product.objects.update(created_at=first.created_at, updated_at=first.created_at)

    assert list(Sort(key).applied(Product.objects.all())) == [first, second]
    assert list(Sort(key, descending=True).applied(Product.objects.all())) == [second, first]


def test_prices_sort_as_numbers() -> None:
    for price in ("9.00", "10.00", "100.00", "2.50"):
        make_product(price=Decimal(price))

    in_order = [product.price for product in Sort("price").applied(Product.objects.all())]

    assert in_order == [Decimal("2.50"), Decimal("9.00"), Decimal("10.00"), Decimal("100.00")]


def test_list_reads_only_what_it_shows() -> None:
    make_product(description="long")

    with CaptureQueriesContext(connection) as queries:
        (product,) = Product.objects.for_list()
        shown = (product.pk, product.name, product.price, product.stock)

    assert len(queries) == 1
    assert "description" not in queries[0]["sql"]
    assert shown[3] == 10


@pytest.mark.usefixtures("requires_postgresql")
def test_locks_are_taken_in_id_order() -> None:
    make_product()

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        list(Product.objects.order_by("name").locked())

    assert queries[0]["sql"].endswith('ORDER BY "catalog_product"."id" ASC FOR UPDATE')
