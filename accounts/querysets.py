"""Every read of users."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import User  # noqa: F401  # the type in quotes below

SORT_KEYS = ("id", "username", "email", "created_at")


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: Any) -> Self:
        """Everybody for staff, oneself for a signed-in user, nobody for a stranger."""
        if user.is_authenticated and user.is_staff:
            return self
        return self.filter(pk=user.pk) if user.is_authenticated else self.none()
