"""Every read of products."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from catalog.models import Product  # noqa: F401  # the type in quotes below

SORT_KEYS = ("id", "name", "price", "stock", "created_at", "updated_at")


class ProductQuerySet(models.QuerySet["Product"]):
    def visible_to(self, user: Any) -> Self:
        """All of them: reading products is open."""
        return self

    def search(self, text: str) -> Self:
        """Those whose name contains `text`, in any case."""
        # SQLite's LIKE ignores the case of ASCII letters only; its REGEXP is Python's and knows them all.
        if text.isascii():
            return self.filter(name__icontains=text)
        return self.filter(name__iregex=_literal(text))

    def sorted_by(self, key: str, *, descending: bool = False) -> Self:
        """By one of SORT_KEYS; ties go by id, in the same direction."""
        sign = "-" if descending else ""
        return self.order_by(f"{sign}{key}", f"{sign}id")

    def for_list(self) -> Self:
        """Only what a list shows."""
        return self.only("id", "name", "price", "stock", "version")

    def locked(self) -> Self:
        """Those rows, kept from other writers until the transaction ends, taken in id order against deadlocks.

        SQLite has one writer at a time, from BEGIN on, and needs no more.
        """
        return self.select_for_update().order_by("pk")


def _literal(text: str) -> str:
    return "".join(f"\\{char}" if char in r".^$*+?{}[]\|()" else char for char in text)
