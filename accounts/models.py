"""Users and their sign-ins, each a family of refresh tokens."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import EmailValidator
from django.db import models
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.querysets import UserQuerySet
from core.moments import DatabaseNow
from core.permissions import StaffRole
from core.text.ascii import AsciiLower, printable_ascii
from core.text.normalization import NormalizedCharField, NormalizedEmailField
from core.text.pairs import PairIndex
from core.text.search import FoldedField
from core.validation.validators import storable_text

models.CharField.register_lookup(Length)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]  # a class made at runtime
    def create_user(self, username: str, email: str, password: str | None = None, **fields: object) -> "User":
        """Add a user. Without a password, the user can't sign in."""
        user: User = self.model(username=username, email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str) -> "User":
        """Return the user that signs in with this name. Raises DoesNotExist."""
        user: User = self.named(username).get()
        return user

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(username, email, password, **(fields | {"is_staff": True, "is_superuser": True}))


class User(AbstractBaseUser, PermissionsMixin):
    username = NormalizedCharField(
        max_length=80,
        unique=True,
        validators=[UnicodeUsernameValidator(), *storable_text],
        error_messages={"unique": "A user with that username already exists."},
    )
    # casefold(NFKC(username)): unique, and the key for lookups and searches. Triggers set it on every write.
    username_folded = FoldedField("username", unique=True)
    email = NormalizedEmailField(max_length=120, validators=[EmailValidator(), printable_ascii])
    is_staff = models.BooleanField("staff", default=False, help_text="May use the admin.")
    is_active = models.BooleanField("active", default=True, help_text="Off: can't sign in, and no token counts.")
    created_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), editable=False)

    objects = UserManager()
    pair_index = PairIndex(frozenset({"username", "email"}), ("username_folded", 'lower(email COLLATE "C")'))

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["email", "id"], name="accounts_user_email"),
            models.Index(fields=["created_at", "id"], name="accounts_user_created"),
            # Partial indexes for the filters of the admin that match few users.
            models.Index(fields=["id"], condition=models.Q(is_staff=True), name="accounts_user_staff"),
            models.Index(fields=["id"], condition=models.Q(is_superuser=True), name="accounts_user_superuser"),
            models.Index(fields=["id"], condition=models.Q(is_active=False), name="accounts_user_inactive"),
        ]
        constraints = [
            models.UniqueConstraint(
                AsciiLower("email"),
                name="accounts_user_email_unique",
                violation_error_message="Email is already registered.",
            ),
            models.CheckConstraint(condition=~models.Q(username=""), name="accounts_user_username_not_empty"),
            models.CheckConstraint(condition=models.Q(username__length__lte=80), name="accounts_user_username_length"),
            models.CheckConstraint(condition=~models.Q(email=""), name="accounts_user_email_not_empty"),
            models.CheckConstraint(condition=models.Q(email__length__lte=120), name="accounts_user_email_length"),
            # For printable ASCII, the lower case equals the folded form.
            models.CheckConstraint(
                condition=models.Q(email__is_printable_ascii=True), name="accounts_user_email_ascii"
            ),
        ]

    def __str__(self) -> str:
        name: str = self.username
        return name

    @cached_property
    def role_names(self) -> frozenset[str]:
        """The roles that limit this user, if the user is staff. One query; the result is cached on the instance."""
        if self.pk is None:
            return frozenset()
        return frozenset(self.groups.filter(name__in=list(StaffRole)).values_list("name", flat=True))


class TokenFamily(models.Model):
    """One sign-in and its sequence of refresh tokens. Only the newest token is valid, and it works once."""

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


class AdminSession(models.Model):
    """A session in the admin. Its user can see and end it on the page Security."""

    session_key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.address} since {self.began_at:%Y-%m-%d %H:%M}"


class FailedSignIn(models.Model):
    """A failed attempt to sign in as a staff user. Deleted when the next sign-in reports it to the user."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=64, blank=True)  # empty if an API was used

    def __str__(self) -> str:
        return f"{self.address} at {self.at:%Y-%m-%d %H:%M}"
