"""All queries of users."""

from functools import cache
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db import models

from accounts.errors import UserNotFound
from core.lists.bound import Bound, through
from core.lists.keyset import Sort
from core.plans.statements import Statement
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

    def named(self, username: str | Bound) -> Self:
        """Return the user with this name, ignoring case and Unicode form."""
        return self.filter(username_folded=Folded(models.Value(username)))

    def with_email(self, email: str | Bound) -> Self:
        """Return the user with this whole e-mail address, ignoring case, by the unique index."""
        in_nfkc = self.model._meta.get_field("email").to_python
        lower = through(in_nfkc, through(str.lower, email))
        return self.alias(email_lower=AsciiLower("email")).filter(email_lower=lower)


def id_of_email(email: str) -> int:
    """Return the id of the user with this e-mail address, ignoring case; 0 if there is none. One statement."""
    rows = _of_email().rows(email=email)
    return rows[0][0] if rows else 0


@cache
def _of_email() -> Statement:
    users = apps.get_model("accounts", "User").objects
    return Statement(lambda: users.with_email(Bound("email")).order_by().values_list("pk"))
