"""Users, and the chains of refresh tokens they are signed in by."""

import uuid
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import EmailValidator
from django.db import models
from django.db.models.functions import Length, Lower
from django.utils import timezone

from accounts.querysets import UserQuerySet
from ecommerce.moments import DatabaseNow
from ecommerce.validators import printable_ascii, storable_text

models.CharField.register_lookup(Length)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    def create_user(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        """Add a user; without a password, one who can't sign in."""
        user: User = self.model(username=username, email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(username, email, password, **(fields | {"is_staff": True, "is_superuser": True}))


class User(AbstractBaseUser, PermissionsMixin):
    username = models.CharField(
        max_length=80,
        unique=True,
        validators=[UnicodeUsernameValidator(), *storable_text],
        error_messages={"unique": "A user with that username already exists."},
    )
    email = models.EmailField(max_length=120, validators=[EmailValidator(), printable_ascii])
    is_staff = models.BooleanField("staff", default=False, help_text="May use the admin and write products.")
    is_active = models.BooleanField("active", default=True, help_text="Off: can't sign in, and no token counts.")
    created_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), editable=False)

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique",
                violation_error_message="Email is already registered.",
            ),
            models.CheckConstraint(condition=~models.Q(username=""), name="accounts_user_username_not_empty"),
            models.CheckConstraint(condition=models.Q(username__length__lte=80), name="accounts_user_username_length"),
            models.CheckConstraint(condition=~models.Q(email=""), name="accounts_user_email_not_empty"),
            models.CheckConstraint(condition=models.Q(email__length__lte=120), name="accounts_user_email_length"),
        ]

    def __str__(self) -> str:
        return self.username


class TokenFamily(models.Model):
    """One sign-in and the refresh tokens that follow from it: only the newest counts, and it counts once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="token_families")
    current_jti = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return str(self.id)
