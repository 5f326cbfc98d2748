"""Fail if a migration breaks the release that runs while it is applied; warn if it locks a table for long.

django-migration-linter reads each migration's SQL for PostgreSQL. No shop of a release has run yet: with the first
release, pass all_warnings_as_errors=True for later migrations.
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

# They precede the first release: they add unique constraints, which the code of then did not know.
BEFORE_THE_FIRST_RELEASE = ("0002_username_folded", "0003_email_ascii", "0004_sku_ascii")
# They read the text of a function for the names of variables, and find models where there are none.
ABOUT_TEXT = ("RUNPYTHON_MODEL_IMPORT", "RUNPYTHON_MODEL_VARIABLE_NAME")
ours = [each.label for each in apps.get_app_configs() if ROOT in Path(each.path).parents and ".venv" not in each.path]
linter = MigrationLinter(
    str(ROOT),
    include_apps=ours,
    ignore_name=BEFORE_THE_FIRST_RELEASE,
    exclude_migration_tests=ABOUT_TEXT,
    no_cache=True,
)
linter.lint_all_migrations()
linter.print_summary()
sys.exit(linter.has_errors or not linter.nb_valid)
