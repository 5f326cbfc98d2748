from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ecommerce.feed.events import prune

MAX_DAYS = 36_500


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days <= MAX_DAYS:  # what is no number is in no range
        raise ArgumentTypeError(f"days go from 0 to {MAX_DAYS}")
    return days


class Command(BaseCommand):
    help = "Delete events of the change feed that are older than is kept. Cursors before them are then expired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=_days, default=settings.FEED_DAYS, help="how long events are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Deleted {prune(days=options['days'])} events.")
