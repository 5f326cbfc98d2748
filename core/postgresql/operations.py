"""Migration operations for large tables: no client waits while an index is built or rows are checked.

On SQLite they do what Django's own operations do. A migration that adds an index needs `atomic = False`, and all of its
operations may run twice: if `migrate` is interrupted, its next run starts the migration from the beginning.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres import operations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddConstraint, AddIndex
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# For transactions that use the table. No client waits behind a concurrent build, so the build may wait for long.
BUILD_LOCK_TIMEOUT_S = 600
BUILD_POLL_S = 0.5
IS_ON_SQLITE = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = %s"
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
BUILDS = (
    "SELECT FROM pg_stat_progress_create_index WHERE datname = current_database() AND relid = to_regclass(%s) "
    "AND command = 'CREATE INDEX CONCURRENTLY'"
)
TIMEOUTS = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
SET_TIMEOUTS = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"


class AddIndexConcurrently(operations.AddIndexConcurrently):
    """Add an index while clients write to the table. Keeps a valid index of this name, and replaces an invalid one."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        with patience(schema_editor):
            if is_missing(schema_editor, self.index.name, table):
                _way(schema_editor).database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with patience(schema_editor):
            _way(schema_editor).database_backwards(self, app_label, schema_editor, from_state, to_state)


def _way(schema_editor: BaseDatabaseSchemaEditor) -> type[AddIndex]:
    return operations.AddIndexConcurrently if schema_editor.connection.vendor == "postgresql" else AddIndex


class DropIndexOfColumn(Operation):
    """Drop the index of one column while clients use the table; its state is the business of another operation.

    Django's `AlterField` would write the table again on SQLite, without its triggers.
    """

    reversible = True
    atomic = False

    def __init__(self, name: str, table: str, column: str) -> None:
        self.name, self.table, self.column = name, table, column

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state unchanged."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with patience(schema_editor):
            schema_editor.execute(f"DROP INDEX {_concurrently(schema_editor)} IF EXISTS {self.name}")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        with patience(schema_editor):
            if is_missing(schema_editor, self.name, self.table):
                on = f"{self.name} ON {self.table} ({self.column})"
                schema_editor.execute(f"CREATE INDEX {_concurrently(schema_editor)} {on}")

    def describe(self) -> str:
        return f"Drop index {self.name}"


def _concurrently(schema_editor: BaseDatabaseSchemaEditor) -> str:
    return "CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""


class AddCheckNotValid(operations.AddConstraintNotValid):
    """Add a check for later writes. `ValidateCheck`, in a later migration, checks the rows that are there already."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        way = operations.AddConstraintNotValid if is_postgresql else AddConstraint
        way.database_forwards(self, app_label, schema_editor, from_state, to_state)


class ValidateCheck(operations.ValidateConstraint):
    """Check all rows, while clients write to the table. Does nothing on SQLite."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def is_missing(schema_editor: BaseDatabaseSchemaEditor, name: str, table: str) -> bool:
    """Return whether the index must be built.

    An interrupted build leaves an invalid index, which is dropped. The server may continue the build of a client that
    has disappeared: its end is awaited.
    """
    if schema_editor.collect_sql:
        return True
    if schema_editor.connection.vendor != "postgresql":
        return _row(schema_editor, IS_ON_SQLITE, name) is None
    while _row(schema_editor, BUILDS, table) is not None:
        time.sleep(BUILD_POLL_S)
    found = _row(schema_editor, IS_VALID, name)
    if found is not None and not found[0]:
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(name)}")
    return found is None or not found[0]


@contextmanager
def patience(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    """Let the session wait for other transactions for long, and run statements without a limit, in the block."""
    connection: Any = schema_editor.connection
    if schema_editor.collect_sql or connection.vendor != "postgresql":
        yield
        return
    before, client_before = _row(schema_editor, TIMEOUTS), connection.connection.timeout_s
    _row(schema_editor, SET_TIMEOUTS, f"{BUILD_LOCK_TIMEOUT_S}s", "0")
    connection.connection.timeout_s = 0
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            connection.connection.timeout_s = client_before
            _row(schema_editor, SET_TIMEOUTS, *before)


def _row(schema_editor: BaseDatabaseSchemaEditor, sql: str, *params: str) -> Any:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()
