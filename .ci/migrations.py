"""Fail if a migration breaks the release that runs while it is applied, or locks an existing table for long.

django-migration-linter reads each migration's SQL for PostgreSQL. It judges only the first index of a migration and no
constraint, so `locks` looks for those.
"""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# They precede the first release: they add unique constraints, which the code of then did not know.
BEFORE_THE_FIRST_RELEASE = ("0002_username_folded", "0003_email_ascii", "0004_sku_ascii")
# They read the text of a function for the names of variables, and find models where there are none.
ABOUT_TEXT = ("RUNPYTHON_MODEL_IMPORT", "RUNPYTHON_MODEL_VARIABLE_NAME")
CREATED = re.compile(r'CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)')
INDEX = re.compile(r'CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON "?(\w+)')
CONSTRAINT = re.compile(
    r'ALTER TABLE "?(\w+)"? ADD (?:CONSTRAINT|CHECK|UNIQUE|FOREIGN KEY)(?!.*(?:NOT VALID| USING INDEX ))'
)


def locks(statements: Iterable[str]) -> list[str]:
    """Return the statements that build an index of an existing table, or check all its rows, under a lock."""
    created, found = set(), []
    for sql in statements:
        created.update(CREATED.findall(sql))
        table = INDEX.match(sql) or CONSTRAINT.match(sql)
        if table and table[1] not in created:
            found.append(sql)
    return found


def main() -> int:
    import django

    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "ecommerce.settings"
    django.setup()

    from django.apps import apps
    from django_migration_linter import MigrationLinter

    paths = {each.label: Path(each.path) for each in apps.get_app_configs()}
    ours = [label for label, path in paths.items() if ROOT in path.parents and ".venv" not in path.parts]
    linter = MigrationLinter(
        str(ROOT),
        include_apps=ours,
        ignore_name=BEFORE_THE_FIRST_RELEASE,
        exclude_migration_tests=ABOUT_TEXT,
        all_warnings_as_errors=True,
        no_cache=True,
    )
    linter.lint_all_migrations()
    linter.print_summary()
    locking = [
        f"({app}, {name}) locks a table: {sql}"
        for app, name in sorted(linter.migration_loader.disk_migrations)
        if app in ours and name not in BEFORE_THE_FIRST_RELEASE
        for sql in locks(linter.get_sql(app, name))
    ]
    print(*locking, sep="\n")
    return int(linter.has_errors or not linter.nb_valid or bool(locking))


if __name__ == "__main__":
    sys.exit(main())
