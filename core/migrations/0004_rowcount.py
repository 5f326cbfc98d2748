from typing import Any

from django.db import migrations

from core.lists.row_counts import CREATE_TABLE, DROP_TABLE


def create_table(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(CREATE_TABLE[schema_editor.connection.vendor])


def drop_table(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(DROP_TABLE)


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0003_folding")]

    operations = [migrations.RunPython(create_table, drop_table)]
