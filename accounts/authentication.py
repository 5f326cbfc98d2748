"""The Authorization header of REST (RFC 6750, 2.1)."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts.errors import InvalidToken
from accounts.tokens import Identity, identity_of


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> Identity | None:
        """Return the user of the bearer token, and as `request.auth` when it expires; None without one.

        Raises InvalidToken.
        """
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if not token.strip():
            raise InvalidToken()
        return identity_of(token.strip())

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
