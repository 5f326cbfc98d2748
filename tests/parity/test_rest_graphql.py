"""Every door of the shop gives the same answer: the same fields, the same refusals, the same rows written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import Q

from accounts.models import TokenFamily, User
from catalog.models import Product
from ecommerce.models import IdempotencyRecord
from orders.models import Order, OrderItem
from tests.factories import make_staff
from tests.live import ROOT
from tests.parity.answers import Answer
from tests.parity.doors import DOORS, Door
from tests.parity.operations import READS, ROLES, WRITES, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def rows() -> list[Any]:
    """Return what of the database no door has a say in: keys, numbers and moments differ."""
    products = Product.objects.order_by("id").values_list("name", "description", "price", "stock", "sku", "version")
    orders = Order.objects.order_by("id").values_list("user", "status", "total", "version")
    items = OrderItem.objects.order_by("id").values_list(
        "name", "sku", "unit_price", "quantity", "line_total", "product"
    )
    users = User.objects.order_by("id").values_list("username", "email", "is_staff")
    sign_ins = TokenFamily.objects.order_by("created_at").values_list("user", Q(ended_at=None))
    return [*map(list, (products, orders, items, users, sign_ins)), IdempotencyRecord.objects.count()]


def outcome(door: type[Door], user: User | None, act: Callable[[Door], Answer]) -> tuple[Answer, list[Any]]:
    """Act through a door, and return its answer and the rows after it; then take it back."""
    with transaction.atomic():
        answer = act(door(user))
        after = rows()
        transaction.set_rollback(True)
    return answer, after


@pytest.mark.parametrize("name", READS | WRITES)
def test_every_door_answers_every_role_alike_and_leaves_the_same_rows(name, shop):
    act, codes = (READS | WRITES)[name]
    before = rows()

    for role in ROLES:
        caller = getattr(shop, role)
        found = {door: outcome(kind, caller, lambda door: act(door, shop)) for door, kind in DOORS.items()}

        assert {door: answer.code for door, (answer, _) in found.items()} == dict.fromkeys(DOORS, codes[role]), role
        first, rows_after_first = found["REST"]
        for answer, rows_after in found.values():
            assert answer.fields.keys() == first.fields.keys()
            assert name in READS or answer.fields == first.fields  # of a read they name a parameter, as a door does
            assert comparable(answer.value) == comparable(first.value)
            assert rows_after == rows_after_first
            assert codes[role] is None or rows_after == before


def comparable(value: Any) -> Any:
    """Leave out what is new each time: the keys, numbers and moments of what was written."""
    if isinstance(value, dict):
        fresh = ("id", "number", "created_at", "updated_at")
        return {name: comparable(inner) for name, inner in value.items() if name not in fresh}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", READS)
def test_reads_agree_to_the_last_field(name, shop):
    act, codes = READS[name]

    for role in ROLES:
        values = [act(kind(getattr(shop, role)), shop).value for kind in DOORS.values()]
        assert values == [values[0]] * len(DOORS)
        assert bool(values[0]) is (codes[role] is None)


@pytest.mark.parametrize(
    "filters",
    [
        {"order_by": "price"},
        {"order_by": "-name"},
        {"q": "TEA"},
        {"q": "nothing"},
        {"min_price": 2.5, "max_price": 19.99},
        {"in_stock": False, "order_by": "id"},
        {"in_stock": True, "q": "o", "order_by": "-updated_at"},
        {"size": 1, "order_by": "stock"},
    ],
)
def test_filters_and_sorts_agree(filters, shop):
    lists = [kind(None).products(**filters) for kind in DOORS.values()]

    assert lists == [lists[0]] * len(DOORS)
    assert lists[0].code is None


# -- Real data --------------------------------------------------------------------------------------------------
@pytest.fixture
def retail(tmp_path: Path) -> None:
    """Load the first rows of a real shop's trade."""
    file = Path(
        os.environ.get("RETAIL_FILE") or ROOT.parent / "shared/data/online_retail/online_retail_2009_2010.csv.gz"
    )
    if not file.exists():
        pytest.skip(f"needs the Online Retail file: RETAIL_FILE names none, and there is no {file}")
    call_command("importretail", file, limit=2_000, refused=tmp_path / "refused.csv", verbosity=0)


def walked(door: Door, ids: dict[str, list[int]]) -> dict[str, Any]:
    """Return every product, user and order that a door shows, and what the lists of them are."""
    return {
        "products": door.products(order_by="price"),
        "one product in ten": [door.product(pk) for pk in ids["products"][::10]],
        "users": door.users(),
        "every user": [door.user(pk) for pk in ids["users"]],
        "orders of every user": [door.orders_of(pk) for pk in ids["users"]],
        "every order": [door.order(pk) for pk in ids["orders"]],
    }


def test_doors_agree_on_every_field_of_real_trade(retail):
    ids = {
        "products": list(Product.objects.order_by("pk").values_list("pk", flat=True)),
        "users": list(User.objects.order_by("pk").values_list("pk", flat=True)),
        "orders": list(Order.objects.order_by("pk").values_list("pk", flat=True)),
    }
    staff = make_staff()

    seen = {name: walked(kind(staff), ids) for name, kind in DOORS.items()}

    assert {name: len(found) for name, found in ids.items()} == {"products": 979, "users": 87, "orders": 73}
    for door in DOORS:
        for part, answers in seen["REST"].items():
            assert seen[door][part] == answers, (door, part)
