"""Database triggers: rules that hold for every write, manual SQL included."""

from dataclasses import dataclass

from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from core.moments import SQLITE_NOW

# The rows of an INSERT on PostgreSQL, and the rows after an UPDATE. A trigger that runs once for all of them takes half
# the time of one for each row.
ADDED, CHANGED = "added", "changed"
OF_ADDED, OF_CHANGED = (f"REFERENCING NEW TABLE AS {name}" for name in (ADDED, CHANGED))


@dataclass(frozen=True)
class Trigger:
    """One rule, for both databases.

    `sqlite` is a whole CREATE TRIGGER statement, empty if only PostgreSQL needs the trigger. `postgresql` is a pair of
    the trigger's event and the body of its function: `("BEFORE UPDATE", "NEW.version := ...; RETURN NEW;")`; the event
    is empty if only SQLite needs the trigger.
    `migration` is (app, name) of the migration that adds the trigger. With `transition`, PostgreSQL's REFERENCING
    clause, the trigger runs once for each statement.
    """

    name: str
    table: str
    migration: tuple[str, str]
    sqlite: str
    postgresql: tuple[str, str]
    transition: str = ""

    def create_sql(self, vendor: str) -> list[str]:
        if vendor == "sqlite":
            return [self.sqlite] if self.sqlite else []
        when, body = self.postgresql
        if not when:
            return []
        each = f"{self.transition} FOR EACH {'STATEMENT' if self.transition or 'TRUNCATE' in when else 'ROW'}"
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
            f"CREATE TRIGGER {self.name} {when} ON {self.table} {each} EXECUTE FUNCTION {self.name}()",
        ]

    def drop_sql(self, vendor: str) -> list[str]:
        if vendor == "sqlite":
            return [f"DROP TRIGGER IF EXISTS {self.name}"]
        return [f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}", f"DROP FUNCTION IF EXISTS {self.name}()"]


class AddTrigger(Operation):
    """The migration operation that installs a trigger; its reverse drops it."""

    reversible = True

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state unchanged: a trigger is not part of a model."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._run(schema_editor, self.trigger.create_sql(schema_editor.connection.vendor))

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self._run(schema_editor, self.trigger.drop_sql(schema_editor.connection.vendor))

    def describe(self) -> str:
        return f"Add trigger {self.trigger.name}"

    @staticmethod
    def _run(schema_editor: BaseDatabaseSchemaEditor, statements: list[str]) -> None:
        for statement in statements:
            schema_editor.execute(statement, params=None)


class DropTrigger(AddTrigger):
    """The migration operation that drops a trigger; its reverse installs it."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Drop trigger {self.trigger.name}"


class RenewTrigger(AddTrigger):
    """The migration operation that replaces an older form of a trigger.

    Its reverse installs `former`. Without one it keeps the present form, which must then work without the migration.
    """

    def __init__(self, trigger: Trigger, former: Trigger | None = None) -> None:
        super().__init__(trigger)
        self.former = former

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        vendor = schema_editor.connection.vendor
        self._run(schema_editor, self.trigger.drop_sql(vendor) + self.trigger.create_sql(vendor))

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        vendor = schema_editor.connection.vendor
        if self.former is not None:
            self._run(schema_editor, self.trigger.drop_sql(vendor) + self.former.create_sql(vendor))

    def describe(self) -> str:
        return f"Renew trigger {self.trigger.name}"


# While a trigger of SQLite updates a row a second time, the row has this version. No other statement writes it.
RISING = "x'00'"
# Whether an update on SQLite comes from a statement, not from a trigger.
IS_STATEMENT = f"OLD.version IS NOT {RISING} AND NEW.version IS NOT {RISING}"


def version_trigger(
    table: str,
    migration: tuple[str, str],
    *,
    touches_updated_at: bool,
    sqlite_also: str = "",
    postgresql_also: str = "",
) -> Trigger:
    """Return the trigger that raises `version` by one when a row is updated, whatever value the statement sets.

    With `touches_updated_at` it also sets `updated_at` if the statement does not change it. `sqlite_also` is an
    assignment that SQLite makes in the same update, `postgresql_also` a statement that PostgreSQL runs before it.
    """
    name = f"{table}_version"
    sqlite_sets = f", {sqlite_also}" if sqlite_also else ""
    postgresql_touch = ""
    if touches_updated_at:
        moment = f"CASE WHEN NEW.updated_at IS OLD.updated_at THEN {SQLITE_NOW} ELSE NEW.updated_at END"
        sqlite_sets += f", updated_at = {moment}"
        postgresql_touch = (
            "IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN NEW.updated_at := clock_timestamp(); END IF; "
        )
    return Trigger(
        name=name,
        table=table,
        migration=migration,
        # Values alone can't distinguish a statement's update from the trigger's: a statement may set the version too.
        sqlite=(
            f"CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW WHEN {IS_STATEMENT} "
            f"BEGIN UPDATE {table} SET version = {RISING} WHERE id = NEW.id; "
            f"UPDATE {table} SET version = OLD.version + 1{sqlite_sets} WHERE id = NEW.id; END"
        ),
        postgresql=("BEFORE UPDATE", f"{postgresql_touch}{postgresql_also}NEW.version := OLD.version + 1; RETURN NEW;"),
    )


_REGISTRY: dict[str, Trigger] = {}


def register_trigger(trigger: Trigger) -> Trigger:
    """Add this trigger to those that `missing()` checks."""
    _REGISTRY[trigger.name] = trigger
    return trigger


def missing() -> list[str]:
    """Return the names of triggers that are absent or disabled although their migration ran. Three statements."""
    recorder = MigrationRecorder(connection)
    applied = recorder.applied_migrations()
    present = _present()
    wanted = (name for name, trigger in _REGISTRY.items() if trigger.create_sql(connection.vendor))
    return sorted(name for name in wanted if _REGISTRY[name].migration in applied and name not in present)


def _present() -> set[str]:
    sql = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') "
        "AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)",
    }
    with connection.cursor() as cursor:
        cursor.execute(sql[connection.vendor])
        return {name for (name,) in cursor.fetchall()}


def install_missing() -> list[str]:
    """Install the triggers that `missing()` returns, and return their names."""
    names = missing()
    with connection.cursor() as cursor:
        for name in names:
            trigger = _REGISTRY[name]
            for statement in trigger.drop_sql(connection.vendor) + trigger.create_sql(connection.vendor):
                cursor.execute(statement)
    return names
