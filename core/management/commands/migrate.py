"""`manage.py migrate`: Django's command, past PgBouncer if DATABASE_DIRECT_URL is set."""

from typing import Any

from django.core.management.commands import migrate

from core.databases import direct_connection


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        # PgBouncer would keep connections that were made before the migration set the role's timeouts.
        with direct_connection():
            return super().execute(*args, **options)
