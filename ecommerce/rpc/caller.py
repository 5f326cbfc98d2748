"""What a call says of itself: from where it comes, and its metadata."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote


def metadata_of(context: Any) -> dict[str, str]:
    """Return the metadata, names in lower case, without what is binary; of a name that is sent twice, the last."""
    return {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}


def address_of(context: Any) -> str:
    """Return the client's IP address, as REST writes it."""
    kind, _, place = unquote(context.peer()).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return "unknown"
    address = ip_address(place.rpartition(":")[0].strip("[]").partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)
