from typing import Any

from django.db import migrations

from core.text.search import postgresql_functions


def make_functions(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for sql in postgresql_functions():
            schema_editor.execute(sql, params=None)


class Migration(migrations.Migration):
    """Let PostgreSQL fold ASCII texts without a call. The function returns what it did, so its indexes stay."""

    dependencies = [("ecommerce", "0012_filters_of_requests")]

    operations = [migrations.RunPython(make_functions, migrations.RunPython.noop)]
