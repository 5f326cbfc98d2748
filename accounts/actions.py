"""Every write of users and of the sign-ins they hold."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import InvalidToken, UserExists
from accounts.models import TokenFamily, User
from ecommerce.cleaning import clean_fields
from ecommerce.databases import violated_constraint
from ecommerce.errors import InvalidInput
from ecommerce.validators import storable_text


def register_user(*, username: str, email: str, password: str) -> User:
    """Add a customer. Raises InvalidInput, or UserExists for a name or an email (in any case) that is taken."""
    user = User(username=username, email=email)
    user.set_unusable_password()
    texts = _texts_about(password, user)
    try:
        clean_fields(user)
    except InvalidInput as refusal:
        texts |= refusal.fields
    if texts:
        raise InvalidInput(fields=texts)
    user.set_password(password)
    return save_user(user)


def save_user(user: User) -> User:
    """Write a user whose fields are clean. Raises UserExists."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        field = "email" if "email" in violated_constraint(error) else "username"
        raise UserExists(fields={field: f"{field.capitalize()} is already registered"}) from error
    return user


def _texts_about(password: str, user: User) -> dict[str, str]:
    """Return what is wrong with a password to be, under its field's name."""
    try:
        for check in storable_text:
            check(password)
        validate_password(password, user)
    except ValidationError as error:
        return {"password": " ".join(error.messages)}
    return {}


def start_family(*, user: User, jti: str, expires_at: datetime) -> TokenFamily:
    """Record a sign-in whose first refresh token is `jti`, and forget those of this user that have run out."""
    user.token_families.filter(expires_at__lt=timezone.now()).delete()
    return TokenFamily.objects.create(user=user, current_jti=jti, expires_at=expires_at)


def rotate_family(*, family_id: UUID, used_jti: str, next_jti: str, expires_at: datetime) -> None:
    """Put the next refresh token in the place of the used one: exactly one of many callers at once succeeds.

    A token that was used before ends its family, the newest token included (RFC 9700, 4.14.2). Raises InvalidToken.
    """
    families = TokenFamily.objects.filter(pk=family_id, ended_at=None)
    # One conditional UPDATE: the row lock decides who is first.
    if not families.filter(current_jti=used_jti).update(current_jti=next_jti, expires_at=expires_at):
        families.update(ended_at=timezone.now())
        raise InvalidToken()


def end_family(*, family_id: UUID) -> None:
    """Make every refresh token of this sign-in worthless. Doing it again changes nothing."""
    TokenFamily.objects.filter(pk=family_id, ended_at=None).update(ended_at=timezone.now())
