from typing import Any

from django.db import migrations

from core.text.pairs import CREATE_FUNCTION, FUNCTION


def make_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE_FUNCTION, params=None)


def drop_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {FUNCTION}(text)")


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0013_inlined_folding")]

    operations = [migrations.RunPython(make_function, drop_function)]
