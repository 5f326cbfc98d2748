from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.feed.events import prune_events

MAX_DAYS = 36_500


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days <= MAX_DAYS:  # nan is outside too
        raise ArgumentTypeError(f"days must be between 0 and {MAX_DAYS}")
    return days


class Command(BaseCommand):
    help = "Delete events of the change feed that are older than --days. Cursors before the remaining events expire."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=_days, default=settings.FEED_DAYS, help="how long events are kept")

    def handle(self, *args: object, **options: Any) -> None:
        self.stdout.write(f"Deleted {prune_events(days=options['days'])} events.")
