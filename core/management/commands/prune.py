from django.conf import settings
from django.core.management.base import BaseCommand

from core import idempotency
from core.admin.pending_imports import prune_imports
from core.feed import events
from core.pruning import PRUNERS
from core.request_log.storing import prune_requests


class Command(BaseCommand):
    help = (
        "Delete old events of the change feed, old idempotency keys, unconfirmed uploads, unused images and sessions."
    )

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write(f"Deleted {events.prune_events(days=settings.FEED_DAYS)} events.")
        self.stdout.write(f"Deleted {idempotency.prune_records(days=settings.IDEMPOTENCY_DAYS)} idempotency keys.")
        self.stdout.write(f"Deleted {prune_imports()} imports.")
        self.stdout.write(f"Deleted {prune_requests(days=settings.REQUEST_LOG_DAYS)} requests from the log.")
        for name, prune in PRUNERS.items():
            self.stdout.write(f"Deleted {prune()} {name}.")
