"""The examinations of `manage.py doctor` that concern webhooks."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from core.doctor.findings import Finding, of_database, ok, warning
from webhooks.models import Delivery, Endpoint

LATE = timedelta(minutes=5)  # attempts start within a second if `deliverwebhooks` runs


@of_database
def webhooks_are_sent() -> Iterator[Finding]:
    late = Delivery.objects.filter(endpoint__is_active=True).scheduled_by(timezone.now() - LATE).count()
    if late:
        yield warning(
            "webhooks", f"{late} deliveries are more than 5 minutes late", "run `python manage.py deliverwebhooks`"
        )
    else:
        yield ok("webhooks", "no delivery is late")


@of_database
def endpoints_work() -> Iterator[Finding]:
    off = Endpoint.objects.filter(is_active=False).exclude(off_reason="").count()
    failing = Endpoint.objects.active().filter(failing_since__isnull=False).count()
    if off or failing:
        yield warning(
            "webhooks",
            f"{failing} endpoints fail, {off} were switched off",
            "see the reasons in the admin, Endpoints",
        )
