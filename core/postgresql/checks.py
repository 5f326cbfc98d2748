"""Checks of a table's rows, in a form that PostgreSQL reads fast, and the migration operation that renews them.

PostgreSQL parses the text of all checks of a table again for each statement that writes to it, and its column types
imply some rules: an integer is never above 2147483647, a varchar(64) never longer than 64 characters.
"""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class Check(models.CheckConstraint):
    """A rule with another text on PostgreSQL, in its SQL: the part of `condition` that no column type implies.

    The text is empty if the types, or another check, imply the rule: then PostgreSQL has no constraint of this name.
    """

    def __init__(self, *, condition: models.Q, postgresql: str, name: str) -> None:
        super().__init__(condition=condition, name=name)
        self.postgresql = postgresql

    def constraint_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        if schema_editor is None or schema_editor.connection.vendor != "postgresql":
            return super().constraint_sql(model, schema_editor)
        name = schema_editor.quote_name(self.name)
        return f"CONSTRAINT {name} CHECK ({self.postgresql})" if self.postgresql else None

    def create_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        if model is None or schema_editor is None or schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor)
        table, constraint = schema_editor.quote_name(model._meta.db_table), self.constraint_sql(model, schema_editor)
        return f"ALTER TABLE {table} ADD {constraint}" if constraint else None

    def remove_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        is_postgresql = schema_editor is not None and schema_editor.connection.vendor == "postgresql"
        return None if is_postgresql and not self.postgresql else super().remove_sql(model, schema_editor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Check) and self.postgresql == other.postgresql and super().__eq__(other)

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, kwargs | {"postgresql": self.postgresql}


class RenewCheck(Operation):
    """Replace the text of a check on PostgreSQL; its condition stays, and so does the check on SQLite.

    Rows that are there already are not read: `ValidateCheck`, in a later migration, marks the check as valid for them.
    """

    reversible = True

    def __init__(self, model_name: str, name: str, postgresql: str) -> None:
        self.model_name, self.name, self.postgresql = model_name, name, postgresql

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        former: Any = self._check(app_label, state)
        check = Check(condition=former.condition, postgresql=self.postgresql, name=self.name)
        state.alter_constraint(app_label, self.model_name.lower(), self.name, check)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if drop := self._check(app_label, from_state).remove_sql(model, schema_editor):
            schema_editor.execute(drop)
        if add := self._check(app_label, to_state).create_sql(model, schema_editor):
            schema_editor.execute(f"{add} NOT VALID", params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        self.database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Renew check {self.name}"

    def _check(self, app_label: str, state: ProjectState) -> models.BaseConstraint:
        check: models.BaseConstraint = state.models[app_label, self.model_name.lower()].get_constraint_by_name(
            self.name
        )
        return check
