from typing import Any

from django.db import migrations

from core.text.search import FUNCTION, FUNCTION_BEYOND_ASCII, postgresql_functions


def make_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for sql in postgresql_functions():
            schema_editor.execute(sql, params=None)


def drop_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in (FUNCTION, FUNCTION_BEYOND_ASCII):
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}(text)")


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0002_changeevent")]

    operations = [migrations.RunPython(make_function, drop_function)]
