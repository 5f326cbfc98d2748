"""Migration operations for PostgreSQL's trigram indexes, with which `has` finds a text without reading the whole table.

An update of a product's stock takes 130 us of CPU time without these indexes, 132 us with the index of names, and about
18 us more with an index that calls the folding function for the SKU. So the index of SKUs is on their lower case.
Words of one and two letters have no trigram. An index of letter pairs would find them, but an update of a stock would
then take 306 us. So the database reads rows in the order of the list until the page is full. In a million names, that
takes 0.3 s for a rare word. Counting the matches of a common word, of any length, takes 0.3 s too.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

CREATE = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
HAS_EXTENSION = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')"
ABSENT = (
    "The extension pg_trgm can't be created: searches read whole tables. Let a superuser run CREATE EXTENSION pg_trgm "
    "in this database, then migrate ecommerce back to 0004_rowcount, and forward again."
)


class CreateTrigrams(Operation):
    """Create the extension. If the role may not, warn and go on; the indexes are then left out."""

    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state unchanged."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        try:
            with transaction.atomic(schema_editor.connection.alias):
                schema_editor.execute(CREATE)
        except DatabaseError as error:
            warnings.warn(f"{ABSENT} {error}", stacklevel=2)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Keep the extension: other tables of the database may use it."""

    def describe(self) -> str:
        return "Create the extension pg_trgm"


class AddTrigramIndex(Operation):
    """Index the folded form of a column. Writers of the table wait: 9 s for a million rows. Does nothing on SQLite."""

    reversible = True

    def __init__(self, name: str, table: str, expression: str) -> None:
        self.name, self.table, self.expression = name, table, expression

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state unchanged: the index is not part of a model."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute(HAS_EXTENSION)
            (is_there,) = cursor.fetchone()
        if is_there:
            with _unlimited(connection):
                schema_editor.execute(
                    f"CREATE INDEX {self.name} ON {self.table} USING gin (({self.expression}) gin_trgm_ops)"
                )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX IF EXISTS {self.name}")

    def describe(self) -> str:
        return f"Add trigram index {self.name}"


class RemoveTrigramIndex(AddTrigramIndex):
    """Remove the index. Its arguments are those with which it was added, for the reverse."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Remove trigram index {self.name}"


@contextmanager
def _unlimited(connection: Any) -> Iterator[None]:
    """Lift the server's statement timeout until the transaction ends, and the client's timeout until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    before, connection.connection.timeout_s = connection.connection.timeout_s, 0
    try:
        yield
    finally:
        connection.connection.timeout_s = before
