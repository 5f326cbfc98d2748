"""The Authorization header of REST (RFC 6750, 2.1)."""

from collections.abc import Collection

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts.errors import InvalidToken
from accounts.models import User
from accounts.tokens import Grant, Identity, identity_of, users_by_grant
from core.metrics.facts import note_caller


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> Identity | None:
        """Return the user and the grant (`request.auth`) of the bearer token; None if the request has no token.

        Raises InvalidToken.
        """
        scheme, _, token = _header_of(request).partition(" ")
        if scheme.lower() != "bearer":
            return None
        if not token.strip():
            raise InvalidToken()
        identity = identity_of(token.strip())
        note_caller(identity.user.pk)
        return identity

    @staticmethod
    def present_users(grants: Collection[Grant]) -> dict[Grant, User]:
        return users_by_grant(grants)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _header_of(request: Request) -> str:
    try:
        return get_authorization_header(request).decode("latin-1")
    except UnicodeEncodeError as error:  # a message of a WebSocket may contain any character, a header may not
        raise InvalidToken() from error
