"""Every door shows the same fields of real trade."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from tests.parity.doors import Door, as_written, doors
from tests.support.factories import make_staff
from tests.support.live import ROOT

__all__ = ["doors"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited"), pytest.mark.unmeasured]


@pytest.fixture
def retail(tmp_path: Path) -> None:
    """Load the first rows of a real shop's trade."""
    file = Path(
        os.environ.get("RETAIL_FILE") or ROOT.parent / "shared/data/online_retail/online_retail_2009_2010.csv.gz"
    )
    if not file.exists():
        pytest.skip(f"needs the Online Retail file: RETAIL_FILE names none, and there is no {file}")
    call_command("importretail", file, limit=600, refused=tmp_path / "refused.csv", verbosity=0)


def walked(door: Door, ids: dict[str, list[int]]) -> dict[str, Any]:
    """Return every product, user and order that a door shows, and what the lists of them are."""
    return {
        "products": door.products(order_by="price"),
        "one product in twenty": [door.product(pk) for pk in ids["products"][::20]],
        "users": door.users(),
        "one user in four": [door.user(pk) for pk in ids["users"][::4]],
        "orders of every second user": [door.orders_of(pk) for pk in ids["users"][::2]],
        "every order": [door.order(pk) for pk in ids["orders"]],
    }


@pytest.mark.long
def test_doors_agree_on_every_field_of_real_trade(retail, doors):
    ids = {
        "products": list(Product.objects.order_by("pk").values_list("pk", flat=True)),
        "users": list(User.objects.order_by("pk").values_list("pk", flat=True)),
        "orders": list(Order.objects.order_by("pk").values_list("pk", flat=True)),
    }
    staff = make_staff()

    seen = {name: walked(kind(staff), ids) for name, kind in doors.items()}

    assert {name: len(found) for name, found in ids.items()} == {"products": 413, "users": 31, "orders": 28}
    for door in doors:
        for part, answers in seen["REST"].items():
            assert seen[door][part] == as_written(door, answers), (door, part)
