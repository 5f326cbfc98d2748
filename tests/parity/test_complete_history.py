"""Many random changes of products by every way in: each is in the history, with its old and its new value.

`SHOP_CHANGES=1000` makes as many; CI makes 70.
"""

import csv
import io
import os
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from catalog.bulk.price_lists import apply_price_list, plan_price_list
from catalog.models import Product, ProductHistory
from tests.parity.doors import Door, Doors, doors
from tests.support.factories import make_product, make_staff
from tests.support.pages import fields_of

__all__ = ["doors"]

CHANGES = int(os.environ.get("SHOP_CHANGES", "70"))
AS_SENT: dict[str, Callable[[str], object]] = {"name": str, "price": float}
FIELDS = ("name", "price", "stock", "reorder_level")
pytestmark = [pytest.mark.django_db, pytest.mark.unmeasured]

Way = Callable[[Product, str, str], None]  # changes a field of a product to a value


def one_by_one(door: Door, product: Product, field: str, value: str) -> None:
    if field == "stock":
        answer = door.correct_stock(product.pk, units=int(value) - product.stock, reason="Counted")
    else:
        answer = door.update_product(product.pk, **{field: AS_SENT.get(field, int)(value)})
    assert answer.code is None, answer


def by_sku(door: Door, product: Product, field: str, value: str) -> None:
    row = {"sku": product.sku, field: AS_SENT.get(field, int)(value)}
    assert door.change_products([row]).value == [(None, {})]


def in_the_admin(client: Client, product: Product, field: str, value: str) -> None:
    page = f"/admin/catalog/product/{product.pk}/change/"
    response = client.post(page, fields_of(client.get(page), "product_form") | {field: value})
    assert response.status_code == 302, response.content


def by_price_list(staff: User, product: Product, field: str, value: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["SKU", field.title()], [product.sku, value]])
    rows = plan_price_list(text.getvalue().encode(), adds=False)
    assert [row.problem for row in rows] == [""]
    assert apply_price_list(actor=staff, rows=rows, all_or_none=True) == {}


def by_sql(product: Product, field: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE catalog_product SET {field} = %s WHERE id = %s", [value, product.pk])


def another(random: Random, product: Product, field: str) -> str:
    """Return a value that the field of the product does not have."""
    found = {
        "name": lambda: f"{random.choice(['Tea', 'Té', '茶', 'چای', '= 1'])} {random.randrange(10_000)}",
        "price": lambda: str(Decimal(random.randrange(1, 1_000_000)) / 100 + Decimal("0.00")),
        "stock": lambda: str(random.randrange(1_000)),
        "reorder_level": lambda: str(random.randrange(100)),
    }[field]()
    return found if found != str(getattr(product, field)) else another(random, product, field)


@pytest.mark.long
def test_every_change_is_in_the_history_with_its_old_and_new_value(doors: Doors, client: Client, settings) -> None:
    settings.RATE_LIMITS = False
    random, staff = Random(20_261), make_staff()
    client.force_login(staff)
    products = [make_product(sku=f"H-{number}", price="1.00", stock=5) for number in range(5)]
    opened = [door(staff) for door in doors.values()]
    ways: list[tuple[Way, tuple[str, ...]]] = [(partial(one_by_one, door), FIELDS) for door in opened]
    ways += [(partial(by_sku, door), FIELDS[:3]) for door in opened]
    ways += [(partial(in_the_admin, client), FIELDS), (partial(by_price_list, staff), FIELDS[:3]), (by_sql, FIELDS)]
    newest = ProductHistory.objects.latest("id").pk
    expected = []

    for number in range(CHANGES):
        way, fields = ways[number % len(ways)]
        product = Product.objects.get(pk=random.choice(products).pk)
        field = random.choice(fields)
        value = another(random, product, field)
        way(product, field, value)
        expected.append((product.pk, [{"field": field, "old": str(getattr(product, field)), "new": value}]))

    written = ProductHistory.objects.filter(pk__gt=newest).order_by("pk")
    assert list(written.values_list("product_id", "fields")) == expected
    assert len(expected) == CHANGES
