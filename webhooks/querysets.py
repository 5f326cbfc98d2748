"""Every read of endpoints, deliveries and attempts."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db.models import Exists, OuterRef, Q

from core.querysets import ShopQuerySet
from webhooks.errors import EndpointNotFound

if TYPE_CHECKING:
    from webhooks.models import Attempt, Delivery, Endpoint  # noqa: F401  # the types in quotes below


class EndpointQuerySet(ShopQuerySet["Endpoint"]):
    not_found = EndpointNotFound

    def active(self) -> Self:
        return self.filter(is_active=True)

    def with_scheduled_deliveries(self, now: datetime) -> Self:
        """Active endpoints, not paused by their receiver, with a delivery that is `scheduled_by` now."""
        deliveries = apps.get_model("webhooks.Delivery").objects
        is_paused = Q(paused_until__isnull=False, paused_until__gt=now)
        # Not `due`: PostgreSQL would read all pending rows, and without statistics compare each with every other.
        scheduled = deliveries.scheduled_by(now).filter(endpoint=OuterRef("pk"))
        return self.active().exclude(is_paused).filter(Exists(scheduled))


class DeliveryQuerySet(ShopQuerySet["Delivery"]):
    def scheduled_by(self, now: datetime) -> Self:
        """Pending deliveries whose next attempt is scheduled at `now` or earlier."""
        return self.filter(state="pending", next_attempt_at__lte=now)

    def due(self, now: datetime) -> Self:
        """Deliveries to attempt now. Each waits until all earlier events of its object were attempted at least once."""
        earlier = self.model._default_manager.filter(
            endpoint=OuterRef("endpoint"),
            topic=OuterRef("topic"),
            object_id=OuterRef("object_id"),
            seq__lt=OuterRef("seq"),
            state="pending",
            last_tried_at=None,
        )
        return self.scheduled_by(now).exclude(Exists(earlier))

    def in_flight(self) -> Self:
        """Pending deliveries whose last attempt has no outcome yet."""
        tries = apps.get_model("webhooks.Attempt").objects
        is_open = tries.filter(delivery=OuterRef("pk"), number=OuterRef("attempts"), duration_ms=None)
        return self.filter(Exists(is_open), state="pending")

    def skip_locked(self) -> Self:
        """Lock the rows that no other transaction has locked, until this one ends. The most overdue rows come first."""
        return self.select_for_update(skip_locked=True).order_by("next_attempt_at", "id")


class AttemptQuerySet(ShopQuerySet["Attempt"]):
    pass
