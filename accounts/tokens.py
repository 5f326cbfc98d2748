"""JSON Web Tokens (RFC 7519): they identify the caller in every protocol."""

import time
from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.db.models import Exists, QuerySet, UUIDField
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.actions import end_family, rotate_family, start_family
from accounts.errors import InvalidToken, WrongPassword
from accounts.models import TokenFamily, User
from core.django_internals import stored_row
from core.lists.bound import Bound
from core.plans.statements import Statement
from core.validation.validators import MAX_INT32, is_storable

FAMILY = "family"
PASSWORD_MARK = "pw"  # noqa: S105  # the name of a claim
MAX_TOKENS_KEPT = 4_096  # tokens whose verified claims a process keeps
USER_COLUMNS = tuple(field.attname for field in User._meta.concrete_fields)

Claims = dict[str, Any]  # of a token with a valid signature


class TokenPair(NamedTuple):
    access: str
    refresh: str


def obtain_tokens(*, username: str, password: str) -> TokenPair:
    """Sign in. Raises WrongPassword."""
    # No user has such a name or password, and the database or the password hasher would raise.
    is_possible = is_storable(username) and is_storable(password)
    user = authenticate(username=username, password=password) if is_possible else None
    if not isinstance(user, User):
        raise WrongPassword()
    return tokens_for(user)


def tokens_for(user: User) -> TokenPair:
    """Begin a sign-in of a user whose identity is known."""
    refresh = _refresh_token(user)
    family = start_family(user=user, jti=refresh["jti"], expires_at=_expiry(refresh))
    return _pair(refresh, family.id)


def rotate_tokens(*, refresh: str) -> TokenPair:
    """Exchange a refresh token for a new pair. Each token works once. Raises InvalidToken."""
    used = _claims_of(RefreshToken, refresh)
    family_id, user = _family_id(used), _user(used)
    fresh = _refresh_token(user)
    rotate_family(family_id=family_id, used_jti=used["jti"], next_jti=fresh["jti"], expires_at=_expiry(fresh))
    return _pair(fresh, family_id)


def revoke_tokens(*, refresh: str) -> None:
    """End the sign-in of a refresh token, used or not. Raises InvalidToken if it is forged, malformed or expired."""
    end_family(family_id=_family_id(_claims_of(RefreshToken, refresh)))


class Grant(NamedTuple):
    """The claims of an access token that decide whether it is still valid. `family_id` identifies its sign-in."""

    user_id: int
    password_mark: str
    family_id: UUID | None
    expires_at: datetime


class Identity(NamedTuple):
    """The user that an access token identifies, and the grant of the token."""

    user: User
    grant: Grant


def identity_of(access: str) -> Identity:
    """Return the user and the grant of an access token.

    Raises InvalidToken if the token is not valid, if its sign-in has ended, or if the user is not active or has another
    password than when the token was issued. One query.
    """
    claims = _claims_of(AccessToken, access)
    family_id = _family_id(claims) if FAMILY in claims else None
    user = _user(claims, family_id)
    return Identity(user, Grant(user.pk, claims[PASSWORD_MARK], family_id, _expiry(claims)))


def users_by_grant(grants: Collection[Grant]) -> dict[Grant, User]:
    """Return the user of each grant that is still valid; does not check the expiry. Two statements."""
    users = User.objects.filter(is_active=True).in_bulk({grant.user_id for grant in grants})
    ended = _ended_families().in_bulk({grant.family_id for grant in grants if grant.family_id is not None})
    marks = {pk: _password_mark(user) for pk, user in users.items()}
    return {
        grant: users[grant.user_id]
        for grant in grants
        if marks.get(grant.user_id) == grant.password_mark and grant.family_id not in ended
    }


def user_of(access: str) -> User:
    """Return only the user of an access token. Raises InvalidToken."""
    return identity_of(access).user


def _claims_of(kind: type[Token], raw: str) -> Claims:
    """Return the claims of a token.

    Raises InvalidToken if the token is not of this kind, not signed with this shop's key, malformed or expired. `iat`
    may be in the future: the clocks of servers differ, and in RFC 7519 validity does not depend on `iat`.
    """
    claims = _signed_claims(raw, api_settings.SIGNING_KEY)
    if claims["exp"] <= time.time() or claims.get("token_type") != kind.token_type:
        raise InvalidToken()
    return claims


@lru_cache(MAX_TOKENS_KEPT)
def _signed_claims(raw: str, key: str) -> Claims:
    """Return the claims of a token with a valid signature. A cached result may have expired: callers check `exp`."""
    try:
        claims: Claims = jwt.decode(
            raw.encode(),
            key,
            algorithms=[api_settings.ALGORITHM],
            options={"verify_iat": False, "verify_aud": False},
        )
    except (jwt.InvalidTokenError, UnicodeEncodeError) as error:
        raise InvalidToken() from error
    if not _are_well_formed(claims):
        raise InvalidToken()
    return claims


def _are_well_formed(claims: Claims) -> bool:
    """Whether the claims have the types that this shop issues, and values that both databases can compare."""
    jti = claims.get("jti")
    return (
        _is_moment(claims.get("exp"))
        and _is_moment(claims.get("iat", 0))
        and isinstance(jti, str)
        and is_storable(jti)
        and isinstance(claims.get("user_id"), str | int)
    )


def _is_moment(seconds: object) -> bool:
    """Whether a claim is a NumericDate (RFC 7519, section 2) that a datetime can hold."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return False
    try:
        datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return True


def _ended_families() -> QuerySet[TokenFamily]:
    return TokenFamily.objects.filter(ended_at__isnull=False)


def _user(claims: Claims, family_id: UUID | None = None) -> User:
    pk = str(claims["user_id"])
    if not (pk.isascii() and pk.isdigit() and len(pk) <= len(str(MAX_INT32))):
        raise InvalidToken()
    rows = _BY_ID.rows(pk=int(pk)) if family_id is None else _BY_ID_AND_FAMILY.rows(pk=int(pk), family=family_id)
    if not rows:
        raise InvalidToken()
    user = stored_row(User, dict(zip(USER_COLUMNS, rows[0], strict=True)))
    if claims.get(PASSWORD_MARK) != _password_mark(user):
        raise InvalidToken()
    return user


def _active_user() -> Any:
    return User.objects.filter(pk=Bound("pk"), is_active=True).order_by().values_list(*USER_COLUMNS)


def _active_user_of_family() -> Any:
    ended = _ended_families().filter(pk=Bound("family", UUIDField()))
    return _active_user().exclude(Exists(ended))


_BY_ID, _BY_ID_AND_FAMILY = Statement(_active_user), Statement(_active_user_of_family)


def _password_mark(user: User) -> str:
    # A new password changes the mark, which invalidates all older tokens.
    return _mark_of(user.password, settings.SECRET_KEY)


@lru_cache(MAX_TOKENS_KEPT)
def _mark_of(password: str, key: str) -> str:
    return User(password=password).get_session_auth_hash()[:16]


def _refresh_token(user: User) -> Token:
    token = RefreshToken.for_user(user)
    token[PASSWORD_MARK] = _password_mark(user)
    return token


def _pair(refresh: Any, family_id: UUID) -> TokenPair:
    refresh[FAMILY] = str(family_id)
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def _family_id(claims: Claims) -> UUID:
    try:
        return UUID(claims[FAMILY])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken() from error


def _expiry(claims: Claims | Token) -> datetime:
    return datetime.fromtimestamp(claims["exp"], UTC)
