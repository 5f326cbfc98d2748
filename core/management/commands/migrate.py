"""`manage.py migrate`: Django's command, past PgBouncer if DATABASE_DIRECT_URL is set, with short waits for locks."""

import time
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError

from core.databases import direct_connection, is_lock_timeout
from core.postgresql.migrating import timeouts_of_migration

ATTEMPTS, PAUSE_S = 10, 3


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        # PgBouncer would keep connections that were made before the migration set the role's timeouts.
        with direct_connection(), timeouts_of_migration():
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. If a lock is not free in time, that migration is rolled back, and tried again after PAUSE_S."""
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not attempts_left or not is_lock_timeout(error):
                    raise
                self.stderr.write(f"\nA table is in use. The migration waits {PAUSE_S} s, and tries again.")
                time.sleep(PAUSE_S)
            else:
                return
