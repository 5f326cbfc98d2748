"""The end of deliveries that nobody asks for any more."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from webhooks.models import Attempt, Delivery
from webhooks.querysets import DeliveryQuerySet

DELETED_AT_ONCE = 2_000


def prune(*, days: float) -> int:
    """Delete deliveries older than `days`, with their tries, but those an active endpoint is still to get.

    Returns how many. No transaction of it is long.
    """
    old = Delivery.objects.filter(created_at__lt=timezone.now() - timedelta(days=days))
    return delete(old.exclude(state=Delivery.State.PENDING, endpoint__is_active=True))


def delete(deliveries: DeliveryQuerySet) -> int:
    """Delete these with their tries, some at a time; return how many."""
    deleted = 0
    while ids := list(deliveries.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        with transaction.atomic():
            Attempt.objects.filter(delivery__in=ids).delete()
            deleted += Delivery.objects.filter(pk__in=ids).delete()[1].get("webhooks.Delivery", 0)
    return deleted
