"""Every read of orders."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from orders.models import Order  # noqa: F401  # the type in quotes below


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
        return self.only("id", "user_id", "status", "total")

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-id")

    def locked(self) -> Self:
        """Those rows, kept from other writers until the transaction ends."""
        return self.select_for_update().order_by("pk")
