"""All queries of users."""

from typing import TYPE_CHECKING, Self

from django.db import models

from accounts.errors import UserNotFound
from core.lists.keyset import Sort
from core.querysets import ShopQuerySet
from core.text.ascii import AsciiLower
from core.text.search import Folded

if TYPE_CHECKING:
    from accounts.models import User  # noqa: F401  # the type in quotes below

SORT_KEYS = ("id", "username", "email", "created_at")
BY_ID = Sort("id")


class UserQuerySet(ShopQuerySet["User"]):
    owner = "pk"
    not_found = UserNotFound

    def named(self, username: str) -> Self:
        """Return the user with this name, ignoring case and Unicode form."""
        return self.filter(username_folded=Folded(models.Value(username)))

    def with_email(self, email: str) -> Self:
        """Return the user with this whole e-mail address, ignoring case, by the unique index."""
        return self.alias(email_lower=AsciiLower("email")).filter(email_lower=email.lower())
