from django.core.management.base import BaseCommand

from core.lists.row_counts import recount


class Command(BaseCommand):
    help = "Count the rows of counted tables again, after rows were written without their triggers, or restored twice."

    def handle(self, *args: object, **options: object) -> None:
        wrong = recount()
        for table, (before, after) in wrong.items():
            self.stdout.write(f"{table}: {after} rows, not {before}.")
        if not wrong:
            self.stdout.write("All counters are right.")
