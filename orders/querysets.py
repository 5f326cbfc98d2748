"""Every read of orders."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models

from core.actors import Actor
from core.lists.bound import Bound, through
from core.lists.keyset import NEWEST_FIRST
from core.permissions import require
from core.querysets import ShopQuerySet
from orders.errors import OrderNotFound

if TYPE_CHECKING:
    from orders.models import Order, OrderHistory, OrderItem  # noqa: F401  # the types in quotes below


class OrderQuerySet(ShopQuerySet["Order"]):
    owner = "user"
    not_found = OrderNotFound

    def with_items(self) -> Self:
        """Prefetch the lines: one more statement, however many orders."""
        return self.prefetch_related("items")

    def numbered(self, number: str | Bound) -> Self:
        """Return the order with this number, with or without a # before it, by the unique index.

        Case is ignored, unless the stored number mixes capitals and small letters: the shop's numbers have capitals.
        """
        bare = through(_without_sign, number)
        return self.filter(number__in=[bare, through(str.upper, bare), through(str.lower, bare)])

    def newest_first(self) -> Self:
        return NEWEST_FIRST.applied(self)

    def counts_by_user(self, users: Iterable[Any]) -> dict[int, int]:
        """Count the orders of each user with at least one order. One statement."""
        counts = self.filter(user__in=users).order_by().values_list("user_id").annotate(models.Count("pk"))
        return dict(counts)


def _without_sign(number: str) -> str:
    return number.removeprefix("#")


class OrderItemQuerySet(ShopQuerySet["OrderItem"]):
    owner = "order__user"
    not_found = OrderNotFound


class OrderHistoryQuerySet(ShopQuerySet["OrderHistory"]):
    """Changes of orders, for staff."""

    def of(self, caller: Actor, order_id: int) -> Self:
        """Return the changes of an order, the newest first; a deleted order keeps them. Raises OrderNotFound."""
        require(caller, self.readers)
        found = self.filter(order_id=order_id).order_by("-id")
        if not found.exists():
            apps.get_model("orders", "Order").objects.one(caller, order_id)
        return found
