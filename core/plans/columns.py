"""The columns that a plan reads."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.expressions import Expression


class Unplannable(Exception):
    """A serializer or an operation uses a feature that plans do not support."""


class Columns:
    """The arguments for `values_list`, in the order in which they were selected; the first is the id."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self.selected: list[str | Expression] = ["pk"]
        self._prefix = ""

    def through(self, relation: str) -> "Columns":
        """Return the columns of a related row, which a join reads into the same tuple."""
        related: Any = self.model._meta.get_field(relation).related_model
        columns = Columns(related)
        columns.selected, columns._prefix = self.selected, f"{self._prefix}{relation}__"
        return columns

    def expression(self, source: str) -> str:
        """Select the column of an attribute of the model; return the expression that reads it from the tuple `row`."""
        return f"row[{self.index(source)}]"

    def index(self, source: str) -> int:
        """Select the column of an attribute of the model; return its index in the tuple. Raises Unplannable."""
        column = self._prefixed(getattr(self.model, "computed", {}).get(source, source))
        if column not in self.selected:
            self.selected.append(column)
        return self.selected.index(column)

    def _prefixed(self, column: str | Expression) -> str | Expression:
        if not isinstance(column, str):
            if self._prefix:
                raise Unplannable(f"{column} through a relation")
            return column
        if column in ("id", "pk"):
            return f"{self._prefix}pk"
        try:
            self.model._meta.get_field(column)
        except FieldDoesNotExist as error:
            raise Unplannable(f"{column} is no column of {self.model.__name__}") from error
        return f"{self._prefix}{column}"
