"""Database triggers: what holds for every write, by whichever door it comes, SQL by hand included."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder

from ecommerce.moments import SQLITE_NOW


@dataclass(frozen=True)
class Trigger:
    """One rule in both databases' words.

    `sqlite` is a whole CREATE TRIGGER statement, empty where only PostgreSQL needs one; `postgresql` is the statement
    behind a function body, of the form (when, body): `("BEFORE UPDATE", "NEW.version := ...; RETURN NEW;")`.
    `migration` is (app, name) of what adds it.
    """

    name: str
    table: str
    migration: tuple[str, str]
    sqlite: str
    postgresql: tuple[str, str]

    def create_sql(self, vendor: str) -> list[str]:
        if vendor == "sqlite":
            return [self.sqlite] if self.sqlite else []
        when, body = self.postgresql
        each = "STATEMENT" if "TRUNCATE" in when else "ROW"
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
            f"CREATE TRIGGER {self.name} {when} ON {self.table} FOR EACH {each} EXECUTE FUNCTION {self.name}()",
        ]

    def drop_sql(self, vendor: str) -> list[str]:
        if vendor == "sqlite":
            return [f"DROP TRIGGER IF EXISTS {self.name}"]
        return [f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}", f"DROP FUNCTION IF EXISTS {self.name}()"]


class AddTrigger(Operation):
    """The migration operation that installs a trigger; going back drops it."""

    reversible = True

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: a trigger is no part of a model."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._run(schema_editor, self.trigger.create_sql(schema_editor.connection.vendor))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._run(schema_editor, self.trigger.drop_sql(schema_editor.connection.vendor))

    def describe(self) -> str:
        return f"Add trigger {self.trigger.name}"

    @staticmethod
    def _run(schema_editor: Any, statements: list[str]) -> None:
        for statement in statements:
            schema_editor.execute(statement, params=None)


class RenewTrigger(AddTrigger):
    """The migration operation that installs a trigger's present form in place of an older one; going back keeps it."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Nothing: the trigger belongs to the migration that added it."""

    def describe(self) -> str:
        return f"Renew trigger {self.trigger.name}"


# While SQLite's version trigger updates a row again, the row's version is this, which nobody else writes.
_RISING = "x'00'"
# Whether an update on SQLite is a statement's own, and not the version trigger's.
IS_STATEMENT = f"OLD.version IS NOT {_RISING} AND NEW.version IS NOT {_RISING}"


def version_trigger(table: str, migration: tuple[str, str], *, touches_updated_at: bool) -> Trigger:
    """Raise `version` by one whenever a row is updated, whatever the statement says of it.

    With `touches_updated_at` the row's `updated_at` moves too when the statement leaves it alone.
    """
    name = f"{table}_version"
    sqlite_touch = postgresql_touch = ""
    if touches_updated_at:
        moment = f"CASE WHEN NEW.updated_at IS OLD.updated_at THEN {SQLITE_NOW} ELSE NEW.updated_at END"
        sqlite_touch = f", updated_at = {moment}"
        postgresql_touch = (
            "IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN NEW.updated_at := clock_timestamp(); END IF; "
        )
    return Trigger(
        name=name,
        table=table,
        migration=migration,
        # The values alone do not tell a statement's update from the trigger's: a statement may set the version too.
        sqlite=(
            f"CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW WHEN {IS_STATEMENT} "
            f"BEGIN UPDATE {table} SET version = {_RISING} WHERE id = NEW.id; "
            f"UPDATE {table} SET version = OLD.version + 1{sqlite_touch} WHERE id = NEW.id; END"
        ),
        postgresql=("BEFORE UPDATE", f"{postgresql_touch}NEW.version := OLD.version + 1; RETURN NEW;"),
    )


_REGISTRY: dict[str, Trigger] = {}


def register(trigger: Trigger) -> Trigger:
    """Have `missing()` look for this trigger."""
    _REGISTRY[trigger.name] = trigger
    return trigger


def missing() -> list[str]:
    """Names of the triggers whose migration ran and which are not there, or are switched off. Three statements."""
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
    """Install what `missing()` names, and return those names."""
    names = missing()
    with connection.cursor() as cursor:
        for name in names:
            trigger = _REGISTRY[name]
            for statement in trigger.drop_sql(connection.vendor) + trigger.create_sql(connection.vendor):
                cursor.execute(statement)
    return names
