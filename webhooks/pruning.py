"""Deletes old deliveries."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from webhooks.models import Attempt, Delivery
from webhooks.querysets import DeliveryQuerySet

DELETED_AT_ONCE = 2_000


def prune_deliveries(*, days: float) -> int:
    """Delete deliveries older than `days`, with their attempts; return how many.

    Keeps the pending deliveries of active endpoints. Each transaction is short.
    """
    old = Delivery.objects.filter(created_at__lt=timezone.now() - timedelta(days=days))
    return delete(old.exclude(state=Delivery.State.PENDING, endpoint__is_active=True))


def delete(deliveries: DeliveryQuerySet) -> int:
    """Delete these deliveries with their attempts, DELETED_AT_ONCE in a transaction; return how many."""
    deleted = 0
    while True:
        with transaction.atomic():
            # The lock prevents a lease, which would add an attempt to a delivery that is being deleted.
            locked = deliveries.only("pk").select_for_update(of=("self",)).order_by("pk")
            ids = [delivery.pk for delivery in locked[:DELETED_AT_ONCE]]
            if not ids:
                return deleted
            Attempt.objects.filter(delivery__in=ids).delete()
            Delivery.objects.filter(pk__in=ids).delete()
            deleted += len(ids)
