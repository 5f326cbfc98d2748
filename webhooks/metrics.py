"""The gauges of webhooks."""

from django.utils import timezone

from core.metrics.exporter import database_gauges
from webhooks.models import Delivery, Endpoint


@database_gauges
def webhook_gauges() -> dict[str, float]:
    pending = Delivery.objects.filter(endpoint__is_active=True).scheduled_by(timezone.now())
    return {
        "shop_webhooks_due": pending.count(),
        "shop_webhook_endpoints_failing": Endpoint.objects.active().filter(failing_since__isnull=False).count(),
        "shop_webhook_endpoints_off": Endpoint.objects.filter(is_active=False).exclude(off_reason="").count(),
    }
