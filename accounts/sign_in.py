"""Registration, sign-in, refresh and sign-out for all protocols: validate the input, count the attempt, act.

`data` is the input from the client, a mapping; `address` is the address of the client. All functions raise
InvalidInput. Those that count attempts, `register` and `sign_in`, also raise RateLimited.
"""

from accounts.actions import register_user
from accounts.models import User
from accounts.serializers import CredentialsSerializer, RefreshSerializer, RegistrationSerializer
from accounts.tokens import TokenPair, obtain_tokens, revoke_tokens, rotate_tokens
from core.rates.limits import spend_sign_in
from core.serializers import checked


def register(data: object, *, address: str) -> User:
    """Add a customer. Raises UserExists."""
    values = checked(RegistrationSerializer, data)
    spend_sign_in(name=values["username"], address=address)
    return register_user(**values)


def sign_in(data: object, *, address: str) -> TokenPair:
    """Exchange name and password for tokens. Raises WrongPassword."""
    values = checked(CredentialsSerializer, data)
    spend_sign_in(name=values["username"], address=address)
    return obtain_tokens(**values)


def refresh(data: object) -> TokenPair:
    """Exchange a refresh token for new tokens. Each token works once. Raises InvalidToken."""
    return rotate_tokens(**checked(RefreshSerializer, data))


def sign_out(data: object) -> None:
    """End the sign-in of a refresh token. Raises InvalidToken."""
    revoke_tokens(**checked(RefreshSerializer, data))
