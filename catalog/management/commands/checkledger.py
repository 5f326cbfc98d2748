from django.core.management.base import BaseCommand, CommandError

from catalog.models import Product, ProductHistory

SHOWN = 20


class Command(BaseCommand):
    help = "Check that the stock of each product equals the sum of its ledger. Reads all changes of stocks."

    def handle(self, *args: object, **options: object) -> None:
        wrong = [
            f"{sku or pk}: stock {stock}, ledger {units}" for pk, sku, stock, units in Product.objects.off_ledger()
        ]
        wrong += [f"{pk}: deleted, ledger {units}" for pk, units in ProductHistory.objects.left_by_deleted_products()]
        if wrong:
            listed = "\n".join(wrong[:SHOWN])
            raise CommandError(f"Products whose stock differs from their ledger: {len(wrong)}.\n{listed}")
        self.stdout.write(f"The stock of {Product.objects.count()} products equals their ledger.")
