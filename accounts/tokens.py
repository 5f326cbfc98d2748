"""JSON Web Tokens (RFC 7519): how a caller is known, in every protocol."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import authenticate
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.actions import end_family, rotate_family, start_family
from accounts.errors import InvalidToken, WrongPassword
from accounts.models import User
from ecommerce.validators import is_storable

FAMILY = "family"
PASSWORD_MARK = "pw"


class TokenPair(NamedTuple):
    access: str
    refresh: str


def obtain_tokens(*, username: str, password: str) -> TokenPair:
    """Sign in. Raises WrongPassword."""
    # What nobody can have registered would be an error of the database, or of the hash.
    is_possible = is_storable(username) and is_storable(password)
    user = authenticate(username=username, password=password) if is_possible else None
    if not isinstance(user, User):
        raise WrongPassword()
    refresh = _refresh_token(user)
    family = start_family(user=user, jti=refresh["jti"], expires_at=_expiry(refresh))
    return _pair(refresh, family.id)


def rotate_tokens(*, refresh: str) -> TokenPair:
    """Exchange a refresh token, once, for a new pair. Raises InvalidToken."""
    used = _decoded(RefreshToken, refresh)
    family_id, user = _family_id(used), _user(used)
    fresh = _refresh_token(user)
    rotate_family(family_id=family_id, used_jti=used["jti"], next_jti=fresh["jti"], expires_at=_expiry(fresh))
    return _pair(fresh, family_id)


def revoke_tokens(*, refresh: str) -> None:
    """End the sign-in that a refresh token belongs to. Raises InvalidToken for what is no refresh token of ours."""
    end_family(family_id=_family_id(_decoded(RefreshToken, refresh)))


class Identity(NamedTuple):
    """Whom an access token stands for, and until when."""

    user: User
    expires_at: datetime


def identity_of(access: str) -> Identity:
    """Return the user an access token stands for, who is active and has the password it was issued under.

    One query. Raises InvalidToken.
    """
    token = _decoded(AccessToken, access)
    return Identity(_user(token), _expiry(token))


def user_of(access: str) -> User:
    """Return the user alone."""
    return identity_of(access).user


def _decoded(kind: type[Token], raw: str) -> Token:
    try:
        return kind(raw.encode())  # type: ignore[arg-type]
    except (TokenError, UnicodeEncodeError) as error:
        raise InvalidToken() from error


def _user(token: Token) -> User:
    try:
        user: User = User.objects.get(pk=int(token["user_id"]), is_active=True)
    except (KeyError, ValueError, TypeError, User.DoesNotExist) as error:
        raise InvalidToken() from error
    if token.get(PASSWORD_MARK) != _password_mark(user):
        raise InvalidToken()
    return user


def _password_mark(user: User) -> str:
    # Tokens end with the password they were issued under.
    return user.get_session_auth_hash()[:16]


def _refresh_token(user: User) -> Token:
    token = RefreshToken.for_user(user)
    token[PASSWORD_MARK] = _password_mark(user)
    return token


def _pair(refresh: Any, family_id: UUID) -> TokenPair:
    refresh[FAMILY] = str(family_id)
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def _family_id(token: Token) -> UUID:
    try:
        return UUID(token[FAMILY])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken() from error


def _expiry(token: Token) -> datetime:
    return datetime.fromtimestamp(token["exp"], UTC)
