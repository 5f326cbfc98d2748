from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ecommerce.feed.events import prune


class Command(BaseCommand):
    help = "Delete events of the change feed that are older than is kept. Cursors before them are then expired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=float, default=settings.FEED_DAYS, help="how long events are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Deleted {prune(days=options['days'])} events.")
