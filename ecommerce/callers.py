"""Who calls where no view of DRF asks: over gRPC, on a stream, on a WebSocket."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from rest_framework.settings import api_settings

from ecommerce import limits
from ecommerce.budgets import Budget
from ecommerce.errors import Forbidden, InvalidInput, Unauthenticated


class TokenExpired(Unauthenticated):
    """The token that a stream was opened with is past its end."""

    is_about_token = True

    def __init__(self) -> None:
        super().__init__("The token has expired: go on from the last cursor with another")


class Caller(NamedTuple):
    """`expires_at` is the end of the token that names the user; None for a stranger. `budget` is what is left."""

    user: Any
    address: str
    expires_at: datetime | None = None
    budget: Budget | None = None

    @property
    def seconds_left(self) -> float | None:
        """How long the caller may go on listening; None for a stranger, who needs no token."""
        return None if self.expires_at is None else (self.expires_at - timezone.now()).total_seconds()


def check_site(scheme: str, headers: Mapping[str, str]) -> None:
    """Raise for what Django's middleware refuses or redirects, where no view of Django asks; names are in lower case.

    InvalidInput for the Host of another site: one whose name leads here is no client of this shop. Forbidden for a
    connection that is not encrypted, where the shop speaks HTTPS alone.
    """
    if not validate_host(split_domain_port(headers.get("host", "").lower())[0], settings.ALLOWED_HOSTS):
        raise InvalidInput("This host is not served here")
    if settings.SECURE_SSL_REDIRECT and not _is_encrypted(scheme, headers):
        raise Forbidden("This shop speaks HTTPS alone")


def _is_encrypted(scheme: str, headers: Mapping[str, str]) -> bool:
    said = headers.get("x-forwarded-proto") if settings.SECURE_PROXY_SSL_HEADER else None
    if said is None:
        return scheme in ("https", "wss")
    return said.partition(",")[0].strip() == "https"


def caller_of(headers: Mapping[str, str], address: str) -> Caller:
    """Name the caller as REST does, from `authorization`; names are in lower case. Raises Unauthenticated."""
    request = SimpleNamespace(headers=headers)  # what DRF looks at
    for authentication in api_settings.DEFAULT_AUTHENTICATION_CLASSES:
        if found := authentication().authenticate(request):
            user, expires_at = found
            return Caller(user, address, expires_at)
    return Caller(AnonymousUser(), address)


def counted_caller_of(headers: Mapping[str, str], address: str) -> Caller:
    """Name the caller and count the request; one with a bad token counts for its address. Raises RateLimited too."""
    try:
        caller = caller_of(headers, address)
    except Unauthenticated as refusal:
        refusal.budget = limits.spend_request(user_id=None, address=address)
        raise
    return caller._replace(budget=limits.spend_request(user_id=caller.user.pk, address=address))
