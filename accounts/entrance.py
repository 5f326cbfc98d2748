"""Signing in and out as every protocol does it: read what was sent, count the try, act.

`data` is what a client sent, as a mapping; `address` is where from. All raise InvalidInput, and RateLimited where a
try counts.
"""

from typing import Any

from accounts.actions import register_user
from accounts.models import User
from accounts.serializers import CredentialsSerializer, RefreshSerializer, RegistrationSerializer
from accounts.tokens import TokenPair, obtain_tokens, revoke_tokens, rotate_tokens
from ecommerce.limits import spend_sign_in
from ecommerce.serializers import checked


def register(data: Any, *, address: str) -> User:
    """Add a customer. Raises UserExists."""
    values = checked(RegistrationSerializer, data)
    spend_sign_in(name=values["username"], address=address)
    return register_user(**values)


def sign_in(data: Any, *, address: str) -> TokenPair:
    """Exchange name and password for tokens. Raises WrongPassword."""
    values = checked(CredentialsSerializer, data)
    spend_sign_in(name=values["username"], address=address)
    return obtain_tokens(**values)


def refresh(data: Any) -> TokenPair:
    """Exchange a refresh token, once. Raises InvalidToken."""
    return rotate_tokens(**checked(RefreshSerializer, data))


def sign_out(data: Any) -> None:
    """End the sign-in that a refresh token belongs to. Raises InvalidToken."""
    revoke_tokens(**checked(RefreshSerializer, data))
