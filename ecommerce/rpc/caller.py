"""What a call says of itself: who sent it, from where, and its metadata."""

from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.models import AnonymousUser
from rest_framework.settings import api_settings

from ecommerce import limits
from ecommerce.errors import Unauthenticated


def metadata_of(context: Any) -> dict[str, str]:
    """Return the metadata, names in lower case, without what is binary; of a name that is sent twice, the last."""
    return {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}


def user_of(metadata: dict[str, str]) -> Any:
    """Name the caller as REST does, from `authorization`. Raises Unauthenticated for a bad token."""
    request = SimpleNamespace(headers=metadata)  # what DRF looks at: metadata names are in lower case
    for authentication in api_settings.DEFAULT_AUTHENTICATION_CLASSES:
        if found := authentication().authenticate(request):
            return found[0]
    return AnonymousUser()


def counted_user_of(metadata: dict[str, str], address: str) -> Any:
    """Name the caller and count the request; one with a bad token counts for its address. Raises RateLimited too."""
    try:
        user = user_of(metadata)
    except Unauthenticated:
        limits.spend_request(user_id=None, address=address)
        raise
    limits.spend_request(user_id=user.pk, address=address)
    return user


def address_of(context: Any) -> str:
    """Return the client's IP address, as REST writes it."""
    kind, _, place = unquote(context.peer()).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return "unknown"
    address = ip_address(place.rpartition(":")[0].strip("[]").partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)
