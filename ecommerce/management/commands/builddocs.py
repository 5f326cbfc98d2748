"""Builds the documentation."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ecommerce import docs_site, docs_tables


class Command(BaseCommand):
    help = "Builds the documentation into DOCS_ROOT. A server does the same when /docs/ is first requested."
    requires_system_checks = []  # no check concerns the pages

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tables", action="store_true", help="first write the tables derived from the code")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tables"]:
            self.stdout.write(f"{docs_tables.write_tables()} is written.")
        self.stdout.write(f"{docs_site.built()} is up to date.")
