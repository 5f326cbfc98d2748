"""Django's SQLite backend, with triggers that survive a migration.

Django changes an SQLite table by writing a new one and dropping the old, and SQLite drops a table's triggers with it.
"""

from typing import Any

from django.db.backends.sqlite3 import base, schema


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def _remake_table(self, model: Any, *args: Any, **kwargs: Any) -> None:
        """Rebuild the table and give it back the triggers on it, and those elsewhere that name it."""
        triggers = self._triggers_naming(model._meta.db_table)
        for name, _ in triggers:
            self.execute(f"DROP TRIGGER {self.quote_name(name)}")
        super()._remake_table(model, *args, **kwargs)
        for _, sql in triggers:
            self.execute(sql, params=None)  # a percent sign in a body is no placeholder

    def _triggers_naming(self, table: str) -> list[tuple[str, str]]:
        # A trigger of another table that names this one makes SQLite refuse the rename at the end of the rebuild.
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND instr(sql, %s) > 0", [table])
            return cursor.fetchall()


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor
