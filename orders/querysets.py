"""Every read of orders."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from orders.models import Order, OrderItem  # noqa: F401  # the types in quotes below


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, user: Any) -> Self:
        """All for staff, one's own for a signed-in user, none for a stranger."""
        if user.is_authenticated and user.is_staff:
            return self
        return self.filter(user=user) if user.is_authenticated else self.none()

    def with_items(self) -> Self:
        """The lines come with the orders: one more statement, however many orders."""
        return self.prefetch_related("items")

    def for_list(self) -> Self:
        """Only what a short list shows."""
        return self.only("id", "user_id", "status", "total", "version")

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-id")

    def locked(self) -> Self:
        """Those rows, kept from other writers until the transaction ends."""
        return self.select_for_update().order_by("pk")

    def counts_by_user(self, users: Iterable[Any]) -> dict[int, int]:
        """Count the orders of each user who has any. One statement."""
        counts = self.filter(user__in=users).order_by().values_list("user_id").annotate(models.Count("pk"))
        return dict(counts)


class OrderItemQuerySet(models.QuerySet["OrderItem"]):
    def visible_to(self, user: Any) -> Self:
        """The lines of the orders that this caller may see."""
        if user.is_authenticated and user.is_staff:
            return self
        return self.filter(order__user=user) if user.is_authenticated else self.none()
