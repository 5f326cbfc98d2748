"""Every read of endpoints, deliveries and attempts."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

if TYPE_CHECKING:
    from webhooks.models import Attempt, Delivery, Endpoint  # noqa: F401  # the types in quotes below


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def visible_to(self, user: Any) -> Self:
        """All for staff, none for others."""
        return self if user.is_authenticated and user.is_staff else self.none()

    def active(self) -> Self:
        return self.filter(is_active=True)

    def with_something_due(self, now: datetime) -> Self:
        """Those that are active, not in a pause they asked for, and have a delivery whose time has come."""
        deliveries = apps.get_model("webhooks.Delivery").objects
        is_paused = Q(paused_until__isnull=False, paused_until__gt=now)
        # Not `due`: PostgreSQL would look at all that wait, each against each as long as it has no statistics of them.
        return self.active().exclude(is_paused).filter(Exists(deliveries.timely(now).filter(endpoint=OuterRef("pk"))))

    def locked(self) -> Self:
        """Those rows, kept from other writers until the transaction ends."""
        return self.select_for_update().order_by("pk")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: Any) -> Self:
        """All for staff, none for others."""
        return self if user.is_authenticated and user.is_staff else self.none()

    def timely(self, now: datetime) -> Self:
        """Those whose time has come."""
        return self.filter(state="pending", next_attempt_at__lte=now)

    def due(self, now: datetime) -> Self:
        """Those to be tried now: not before every earlier event of the same object has been tried once."""
        earlier = self.model._default_manager.filter(
            endpoint=OuterRef("endpoint"),
            topic=OuterRef("topic"),
            object_id=OuterRef("object_id"),
            seq__lt=OuterRef("seq"),
            state="pending",
            last_tried_at=None,
        )
        return self.timely(now).exclude(Exists(earlier))

    def under_way(self) -> Self:
        """Those whose last try has no outcome yet."""
        tries = apps.get_model("webhooks.Attempt").objects
        is_open = tries.filter(delivery=OuterRef("pk"), number=OuterRef("attempts"), duration_ms=None)
        return self.filter(Exists(is_open), state="pending")

    def free(self) -> Self:
        """Those rows that no other transaction has locked, the longest due first, kept from others until this ends."""
        return self.select_for_update(skip_locked=True).order_by("next_attempt_at", "id")

    def locked(self) -> Self:
        """Those rows, kept from other writers until the transaction ends."""
        return self.select_for_update().order_by("pk")


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def visible_to(self, user: Any) -> Self:
        """All for staff, none for others."""
        return self if user.is_authenticated and user.is_staff else self.none()
