"""The base of the tables of changes."""

from typing import Any, TypeVar

from django.conf import settings
from django.db import models

from core.validation.validators import storable_text

MAX_REASON_LENGTH = 200
_OF_NO_REQUEST = models.Q(request_id="")
Changes = TypeVar("Changes", bound="models.QuerySet[Change]")


class NumberOfFields(models.Func):
    """The number of fields in the column `fields` of a change."""

    function = "JSON_ARRAY_LENGTH"
    output_field = models.IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSONB_ARRAY_LENGTH")


class Change(models.Model):
    """One change of a row. The apps add the column `row_column` with its id, which is no foreign key: rows may go.

    `fields` is a list of `{"field", "old", "new"}`, with texts or null; a new row has no old values, a deleted row no
    new ones. Manual SQL has the protocol `sql`, and no actor.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    protocol = models.CharField(max_length=16, db_default="sql")
    request_id = models.CharField(max_length=64, db_default="")
    reason = models.CharField(max_length=MAX_REASON_LENGTH, blank=True, db_default="", validators=storable_text)
    fields = models.JSONField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


def index_of_requests(name: str) -> models.Index:
    """Return the index of a table of changes that `made_in` uses. Changes of no request are not in it."""
    return models.Index(fields=["request_id"], condition=~_OF_NO_REQUEST, name=name)


def made_in(request_id: str, changes: Changes) -> Changes:
    """Return the changes that a request made. The second condition lets the database use the index."""
    return changes.filter(~_OF_NO_REQUEST, request_id=request_id)
