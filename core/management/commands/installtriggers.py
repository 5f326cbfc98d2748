from django.core.management.base import BaseCommand
from django.db import transaction

from core import triggers


class Command(BaseCommand):
    help = "Install the database triggers that are missing, for instance after a table was rebuilt by hand."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        with transaction.atomic():
            names = triggers.install_missing()
        self.stdout.write("\n".join(f"Installed {name}." for name in names) or "No trigger is missing.")
