"""All writes of users and of their sign-ins."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import InvalidToken, UserExists
from accounts.models import TokenFamily, User
from core.databases import violated_constraint
from core.errors import InvalidInput
from core.validation.cleaning import clean_fields
from core.validation.validators import storable_text


def register_user(*, username: str, email: str, password: str) -> User:
    """Add a customer. Raises InvalidInput, or UserExists if the name or the email is taken, ignoring case."""
    user = User(username=username, email=email)
    user.set_unusable_password()
    errors = _password_errors(password, user)
    try:
        clean_fields(user)
    except InvalidInput as refusal:
        errors |= refusal.fields
    if errors:
        raise InvalidInput(fields=errors)
    user.set_password(password)
    return save_user(user)


def save_user(user: User) -> User:
    """Save a user with valid fields. Raises UserExists if the name or the email is taken."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        field = "email" if "email" in violated_constraint(error) else "username"
        raise UserExists(fields={field: f"{field.capitalize()} is already registered"}) from error
    return user


def _password_errors(password: str, user: User) -> dict[str, str]:
    """Return the errors of a new password by field name; empty if the password is valid."""
    try:
        for check in storable_text:
            check(password)
        validate_password(password, user)
    except ValidationError as error:
        return {"password": " ".join(error.messages)}
    return {}


def start_family(*, user: User, jti: str, expires_at: datetime) -> TokenFamily:
    """Record a sign-in with the first refresh token `jti`, and delete the user's expired sign-ins."""
    user.token_families.filter(expires_at__lt=timezone.now()).delete()
    return TokenFamily.objects.create(user=user, current_jti=jti, expires_at=expires_at)


def rotate_family(*, family_id: UUID, used_jti: str, next_jti: str, expires_at: datetime) -> None:
    """Replace the used refresh token with the next one. If several callers do so at once, exactly one succeeds.

    Reuse of a token ends its family, which revokes the newest token too (RFC 9700, 4.14.2). Raises InvalidToken.
    """
    families = TokenFamily.objects.filter(pk=family_id, ended_at=None)
    # One conditional UPDATE: the row lock decides which caller is first.
    if not families.filter(current_jti=used_jti).update(current_jti=next_jti, expires_at=expires_at):
        families.update(ended_at=timezone.now())
        raise InvalidToken()


def end_family(*, family_id: UUID) -> None:
    """Revoke all tokens of this sign-in. Repeating it has no effect."""
    TokenFamily.objects.filter(pk=family_id, ended_at=None).update(ended_at=timezone.now())
