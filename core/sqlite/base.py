"""Django's SQLite backend: triggers survive a migration, broken connections are closed, an SQL function folds text.

To change an SQLite table, Django creates a new one and drops the old one, and SQLite drops the triggers with it.
The only hook to restore them is a private method of Django. Tried on django 5.2.19.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db.backends.sqlite3 import base, schema
from django.db.backends.sqlite3.base import FORMAT_QMARK_REGEX
from django.db.models import Model

from core.text.folding import folded
from core.text.search import FUNCTION


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def _remake_table(self, model: type[Model], *args: object, **kwargs: object) -> None:
        """Rebuild the table, and restore its triggers and the triggers of other tables that name it."""
        triggers = self._triggers_naming(model._meta.db_table)
        for name, _ in triggers:
            self.execute(f"DROP TRIGGER {self.quote_name(name)}")
        super()._remake_table(model, *args, **kwargs)  # type: ignore[misc]  # not in the stubs
        for _, sql in triggers:
            self.execute(sql, params=None)  # a percent sign in a body is not a placeholder

    def _triggers_naming(self, table: str) -> list[tuple[str, str]]:
        # A trigger of another table that names this one makes SQLite refuse the rename at the end of the rebuild.
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND instr(sql, %s) > 0", [table])
            found: list[tuple[str, str]] = cursor.fetchall()
        return found


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor

    def get_new_connection(self, conn_params: dict[str, object]) -> sqlite3.Connection:
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        connection.create_function(FUNCTION, 1, _folded_or_null, deterministic=True)
        return connection

    def rows_of(self, sql: str, params: Sequence[Any], *, may_prepare: bool = True) -> list[tuple[Any, ...]]:
        """Run a statement that reads, and return its rows. SQLite prepares each one, on the first run."""
        if self.queries_logged or self.execute_wrappers:
            with self.cursor() as cursor:
                return _rows_in(cursor.execute(sql, params))
        self.ensure_connection()
        with self.wrap_database_errors:
            return _rows_in(self.connection.execute(_with_question_marks(sql), params))

    def rows_written(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement that writes, and return the rows of its RETURNING clause."""
        return self.rows_of(sql, params)

    def is_usable(self) -> bool:
        """Whether no error has occurred: a connection that opened the file while it was read-only stays read-only."""
        return not self.errors_occurred

    def rollback(self) -> None:
        errors_occurred = self.errors_occurred
        super().rollback()
        self.errors_occurred = errors_occurred  # Django treats a rollback as proof that the connection works


def _rows_in(cursor: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@lru_cache
def _with_question_marks(sql: str) -> str:
    return FORMAT_QMARK_REGEX.sub("?", sql).replace("%%", "%")


def _folded_or_null(value: object) -> str | None:
    return folded(value) if isinstance(value, str) else None
