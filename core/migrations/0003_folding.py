from typing import Any

from django.db import migrations

from core.text.search import FUNCTION, postgresql_function


def make_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(postgresql_function(), params=None)


def drop_function(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {FUNCTION}(text)")


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0002_changeevent")]

    operations = [migrations.RunPython(make_function, drop_function)]
