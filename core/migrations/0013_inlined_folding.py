from typing import Any

from django.db import migrations

from core.text.search import FUNCTION, postgresql_functions

INDEXES = f"""
    SELECT DISTINCT objid::regclass::text FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_proc'::regclass
    AND refobjid = '{FUNCTION}(text)'::regprocedure"""  # noqa: S608  # a constant


def make_functions(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for sql in postgresql_functions():
        schema_editor.execute(sql, params=None)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(INDEXES)
        indexes = [name for (name,) in cursor.fetchall()]
    for name in indexes:
        schema_editor.execute(f"ALTER INDEX {name} ALTER COLUMN 1 SET STATISTICS -1")


class Migration(migrations.Migration):
    """Let PostgreSQL fold ASCII texts without a call. The function returns what it did, so its indexes stay.

    Connections that are open remember the expression of an index, in which the old function is not inlined. They would
    not use the index until they end. To set its statistics target, to the default that it has, makes them read it again.
    It blocks no client.
    """

    dependencies = [("ecommerce", "0012_filters_of_requests")]

    operations = [migrations.RunPython(make_functions, migrations.RunPython.noop)]
