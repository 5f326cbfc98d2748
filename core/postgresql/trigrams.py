"""Migration operations for PostgreSQL's trigram indexes, with which `has` finds a text without reading the whole table.

An update of a product's stock takes 130 us of CPU time without these indexes, 132 us with the index of names, and about
18 us more with an index that calls the folding function for the SKU. So the index of SKUs is on their lower case.
Words of one and two letters have no trigram. An index of letter pairs finds users, who are seldom written. With one of
products, an update of a stock would take 306 us. So the database reads products in the order of the list until the page
is full. In a million names, that takes 0.2 s for a rare word. Counting the matches of a common word, of any length,
takes 0.3 s too.
"""

import warnings

from django.db import DatabaseError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from core.postgresql.operations import is_missing, patience

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
    """Index the folded form of a column, while clients write to the table. Does nothing on SQLite.

    It takes 9 s for a million rows. A valid index of this name stays, and an invalid one is replaced.
    """

    reversible = True
    atomic = False
    operators, label = "gin_trgm_ops", "trigram index"

    def __init__(self, name: str, table: str, expression: str) -> None:
        self.name, self.table, self.expression = name, table, expression

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state unchanged: the index is not part of a model."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql" or not self._has_operators(schema_editor):
            return
        with patience(schema_editor):
            if is_missing(schema_editor, self.name, self.table):
                how = f"USING gin (({self.expression}) {self.operators})"
                schema_editor.execute(f"CREATE INDEX CONCURRENTLY {self.name} ON {self.table} {how}")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            with patience(schema_editor):
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")

    def describe(self) -> str:
        return f"Add {self.label} {self.name}"

    def _has_operators(self, schema_editor: BaseDatabaseSchemaEditor) -> bool:
        return _has_extension(schema_editor)


class AddPairIndex(AddTrigramIndex):
    """Index the pairs of characters of some columns: see `core.text.pairs`. It takes 40 s for a million rows."""

    operators, label = "array_ops", "pair index"

    def _has_operators(self, schema_editor: BaseDatabaseSchemaEditor) -> bool:
        return True


class RenameTrigramIndex(Operation):
    """Rename the index, unless there is one with the new name already. Its reverse keeps the new name."""

    reversible = True

    def __init__(self, name: str, new_name: str) -> None:
        self.name, self.new_name = name, new_name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state unchanged: the index is not part of a model."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NULL", [self.new_name])
            (is_free,) = cursor.fetchone()
        if is_free:
            schema_editor.execute(f"ALTER INDEX IF EXISTS {self.name} RENAME TO {self.new_name}")

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Keep the name."""

    def describe(self) -> str:
        return f"Rename trigram index {self.name} to {self.new_name}"


def _has_extension(schema_editor: BaseDatabaseSchemaEditor) -> bool:
    if schema_editor.collect_sql:
        return True
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(HAS_EXTENSION)
        (is_there,) = cursor.fetchone()
        return bool(is_there)
