"""What the tasks of one run need: staff, paid orders, and a price that a request has changed."""

import secrets
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import httpx

from accounts.models import User
from benchmarks.staff_tasks.filling import CATEGORY, IN_CATEGORY
from catalog.models import Product
from core.models import LoggedRequest
from orders.actions import move_order, place_order
from orders.models import Order, OrderStatus
from tests.support.api import access_token
from tests.support.waiting import wait_until

CHIEF, COLLEAGUE = "chief", "newcomer"
PAID = 5
PRICED_ID, SCARCE_ID = IN_CATEGORY + 1, IN_CATEGORY + 2  # products outside of the category
FIRST_LISTED_ID = IN_CATEGORY + 3  # of the price lists


class Situation(NamedTuple):
    url: str
    folder: Path
    chief: User
    password: str
    request_id: str  # of the request that changed the price of PRICED_ID
    price: Decimal

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {access_token(self.chief)}"}


def make_chief() -> tuple[User, str]:
    """Return the superuser, and a new password."""
    password = secrets.token_urlsafe()
    chief, _ = User.objects.get_or_create(username=CHIEF, defaults={"email": f"{CHIEF}@example.com"})
    chief.is_staff = chief.is_superuser = True
    chief.set_password(password)
    chief.save()
    return chief, password


def prepare_situation(url: str, folder: Path) -> Situation:
    chief, password = make_chief()
    situation = Situation(url, folder, chief, password, str(uuid4()), _price() + 1)
    _make_colleague()
    _pay_orders(chief)
    _change_price(situation)
    return situation


def _price() -> Decimal:
    return Product.objects.values_list("price", flat=True).get(pk=PRICED_ID)


def _make_colleague() -> None:
    colleague, _ = User.objects.get_or_create(username=COLLEAGUE, defaults={"email": f"{COLLEAGUE}@example.com"})
    colleague.is_staff = True
    colleague.save()
    colleague.groups.clear()


def _pay_orders(chief: User) -> None:
    """Place orders until five are paid."""
    product_ids = Product.objects.filter(category__name=CATEGORY, stock__gt=10).values_list("pk", flat=True)[:2]
    for _ in range(PAID - Order.objects.filter(status=OrderStatus.PAID).count()):
        order = place_order(actor=chief, lines=[(product_id, 1) for product_id in product_ids])
        move_order(actor=chief, order_id=order.pk, verb="pay")


def _change_price(situation: Situation) -> None:
    """Change the price over REST, and wait until the request is logged."""
    response = httpx.patch(
        f"{situation.url}/api/v1/products/{PRICED_ID}",
        json={"price": str(situation.price)},
        headers={**situation.bearer, "X-Request-ID": situation.request_id},
    )
    response.raise_for_status()
    logged = LoggedRequest.objects.filter(request_id=situation.request_id)
    wait_until(logged.exists, "The request that changed a price is not logged")
