"""The base of the querysets whose rows clients read: who may see which rows, and the refusal of all others."""

from typing import ClassVar, Self, TypeVar

from django.db import models
from django.utils.text import capfirst

from core.actors import Actor
from core.django_internals import is_loaded
from core.errors import NotFound
from core.lists.row_counts import counted_table, rows_of_table
from core.permissions import Rule, anyone, is_signed_in, is_staff, require

Row = TypeVar("Row", bound=models.Model)


class ShopQuerySet(models.QuerySet[Row]):
    """Rows that all callers see if `is_open`, else only staff and, with an `owner`, the user whose row it is."""

    is_open: ClassVar[bool] = False
    owner: ClassVar[str | None] = None  # the lookup of the owner's id
    not_found: ClassVar[type[NotFound]] = NotFound

    @property
    def readers(self) -> Rule:
        """The rule for callers that may read rows at all; `visible_to` decides which ones."""
        if self.is_open:
            return anyone
        return is_signed_in if self.owner else is_staff

    def visible_to(self, user: Actor) -> Self:
        """Return the rows that the user may see."""
        if self.is_open or is_staff(user):
            return self
        return self.filter(**{self.owner: user.pk}) if self.owner and user.is_authenticated else self.none()

    def count(self) -> int:
        """Return the number of rows. If triggers count the table, the number of all its rows is read, not counted."""
        table = counted_table(self.query) if not is_loaded(self) else None
        return super().count() if table is None else rows_of_table(table, self.db)

    def one(self, caller: Actor, pk: int) -> Row:
        """Return a row that the caller may see. Raises Unauthenticated, Forbidden, or `not_found`."""
        require(caller, self.readers)
        return self.visible_to(caller).existing(pk)

    def existing(self, pk: int) -> Row:
        """Return a row, whoever the caller is. Raises `not_found`."""
        row = self.filter(pk=pk).first()
        if row is None:
            raise self.missing(pk)
        return row

    def missing(self, pk: int) -> NotFound:
        """Return the refusal if no row that the caller may see has this id."""
        return self.not_found(f"{capfirst(self.model._meta.verbose_name)} {pk} not found")

    def locked(self) -> Self:
        """Lock the rows against other writers until the transaction ends. Locks in id order, to prevent deadlocks.

        SQLite has one writer at a time, from BEGIN on, and needs no row locks.
        """
        return self.select_for_update().order_by("pk")
