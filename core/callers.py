"""Identifies callers outside the views of DRF: gRPC calls, streams and WebSockets."""

from collections.abc import Collection, Hashable, Mapping
from datetime import datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from rest_framework.settings import api_settings

from core.actors import Actor, SignedIn
from core.budgets import Budget
from core.errors import Forbidden, Unauthenticated
from core.hosts import refused_host
from core.rates import limits

_settings_of_rest: Any = api_settings  # the stubs declare names of classes here, not classes


class TokenExpired(Unauthenticated):
    """The token that a stream was opened with has expired."""

    is_about_token = True

    def __init__(self) -> None:
        super().__init__("The token has expired: resume from the last cursor with a new token")


class Caller(NamedTuple):
    """One caller: a user, or an anonymous client without a token.

    `grant` describes the user's token; None for an anonymous client. `budget` is the remaining rate limit.
    """

    user: Actor
    address: str
    grant: Any = None
    budget: Budget | None = None

    @property
    def expires_at(self) -> datetime | None:
        return None if self.grant is None else self.grant.expires_at

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the token expires; None for an anonymous client, which has no token."""
        return None if self.expires_at is None else (self.expires_at - timezone.now()).total_seconds()


def check_site(scheme: str, headers: Mapping[str, str]) -> None:
    """Apply the checks of Django's middleware to requests that no Django view handles; header names are in lower case.

    Raises InvalidInput if the Host is malformed or not a host of this shop: another site's name may resolve to this
    address. Raises Forbidden if the connection is not encrypted but the shop requires HTTPS.
    """
    if not _is_served(headers.get("host", ""), tuple(settings.ALLOWED_HOSTS)):
        raise refused_host(f"Host {headers.get('host', '')!r} is not in ALLOWED_HOSTS.")
    if settings.SECURE_SSL_REDIRECT and not is_encrypted(scheme, headers):
        raise Forbidden("This shop requires HTTPS")


@lru_cache(1_000)
def _is_served(host: str, allowed: tuple[str, ...]) -> bool:
    domain = split_domain_port(host.lower())[0]  # empty if the host is malformed or missing: `*` would allow it
    return bool(domain) and validate_host(domain, allowed)


def is_encrypted(scheme: str, headers: Mapping[str, str]) -> bool:
    """Whether the client uses HTTPS, according to a trusted proxy or else to the connection itself."""
    said = headers.get("x-forwarded-proto") if settings.SECURE_PROXY_SSL_HEADER else None
    if said is None:
        return scheme in ("https", "wss")
    return said.partition(",")[0].strip() == "https"


def caller_of(headers: Mapping[str, str], address: str) -> Caller:
    """Return the caller that `authorization` identifies, by REST's rules. Raises Unauthenticated.

    Header names are in lower case.
    """
    if "authorization" not in headers:
        return stranger_at(address)
    request = SimpleNamespace(headers=headers)  # DRF's authentication reads only the headers
    for authentication in _settings_of_rest.DEFAULT_AUTHENTICATION_CLASSES:
        if found := authentication().authenticate(request):
            user, grant = found
            return Caller(user, address, grant)
    return stranger_at(address)


def stranger_at(address: str) -> Caller:
    return Caller(AnonymousUser(), address)


def present_users(grants: Collection[Hashable]) -> dict[Hashable, SignedIn]:
    """Map each grant that is still valid to its current user. The number of statements is constant."""
    users: dict[Hashable, SignedIn] = {}
    for authentication in _settings_of_rest.DEFAULT_AUTHENTICATION_CLASSES:
        users |= authentication.present_users(grants)
    return users


def counted_caller_of(headers: Mapping[str, str], address: str) -> Caller:
    """Return the caller and count the request. Raises RateLimited and Unauthenticated.

    If the token is invalid, the request counts against the budget of the address.
    """
    if "authorization" not in headers:
        return Caller(AnonymousUser(), address, budget=limits.spend_request(user_id=None, address=address))
    try:
        caller = caller_of(headers, address)
    except Unauthenticated as refusal:
        refusal.budget = limits.spend_request(user_id=None, address=address)
        raise
    budget = limits.spend_request(user_id=caller.user.pk, address=address)
    return Caller(caller.user, address, caller.grant, budget)
