"""Fail if a migration locks a table for long, or breaks the release that runs while it is applied.

django-migration-linter reads each migration's SQL for PostgreSQL. Every warning is an error.
"""

import os
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ecommerce.settings"
django.setup()

from django.apps import apps  # noqa: E402  # after the setup
from django_migration_linter import MigrationLinter  # noqa: E402

# They precede the first release, and no shop of theirs has run. They make indexes while the table is locked.
BEFORE_THE_FIRST_RELEASE = (
    "0002_username_folded",
    "0003_email_ascii",
    "0004_sku_ascii",
    "0006_sort_indexes",
    "0007_sort_indexes",
    "0008_reorder_level",
    "0008_shipments",
)
ours = [each.label for each in apps.get_app_configs() if ROOT in Path(each.path).parents and ".venv" not in each.path]
linter = MigrationLinter(
    str(ROOT), include_apps=ours, ignore_name=BEFORE_THE_FIRST_RELEASE, no_cache=True, all_warnings_as_errors=True
)
linter.lint_all_migrations()
linter.print_summary()
sys.exit(linter.has_errors or not linter.nb_valid)
