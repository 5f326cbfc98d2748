"""Placeholders for values that are not known when SQL is compiled. See `core.plans`."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection
from django.db.models import Field, UUIDField
from django.db.models.expressions import Expression

from core.databases import is_postgresql

Function = Callable[[Any], Any]


class Bound(Expression):
    """A named placeholder for a value that is passed when the statement runs.

    Set `output_field` if the driver does not convert the value as Django does: on SQLite, an amount or a UUID. The
    value first passes through `functions`.
    """

    def __init__(
        self, name: str, output_field: "Field[Any, Any] | None" = None, functions: tuple[Function, ...] = ()
    ) -> None:
        super().__init__(output_field=output_field)
        self.name, self.converts, self._functions = name, output_field, functions

    def as_sql(self, compiler: object, connection: object, **context: object) -> Any:
        return "%s", [self]

    def through(self, function: Function) -> "Bound":
        """Return a placeholder for the result of the function, called with the value of this one."""
        return Bound(self.name, self.converts, (*self._functions, function))

    @property
    def is_plain(self) -> bool:
        """Whether the driver converts the value as Django does."""
        driver_converts = self.converts is None or (isinstance(self.converts, UUIDField) and is_postgresql())
        return driver_converts and not self._functions

    def value_in(self, values: Mapping[str, Any]) -> Any:
        value = values[self.name]
        for function in self._functions:
            value = function(value)
        return value if self.converts is None else self.converts.get_db_prep_value(value, connection)


def through(function: Function, value: Any) -> Any:
    """Return function(value). If the value is a placeholder, return a placeholder for the result."""
    return value.through(function) if isinstance(value, Bound) else function(value)
