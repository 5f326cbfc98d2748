from django.core.management.base import BaseCommand

from reports.summaries import summarise_sales


class Command(BaseCommand):
    help = "Summarise the sales of past days, so that the sales page is fast with any number of orders. Run it daily."

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write(f"Summarised {summarise_sales()} days.")
