"""Client addresses: the one that a trusted proxy reports, and the form that rate budgets count."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

IPV6_PREFIX_BITS = 64  # a client has at least a /64 and can use every address in it

MAPPED = "::ffff:"  # of an IPv4-mapped address
LONGEST = 45  # characters of an address


@lru_cache(10_000)
def counted_address(address: str) -> str:
    """Return the address that budgets count: for IPv6 the /64, for an IPv4-mapped address the IPv4 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), IPV6_PREFIX_BITS), strict=False))


def unmapped(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return an address and port with the IPv4 address itself, if a socket of IPv6 reports it as ::ffff:192.0.2.1."""
    if client is None or not client[0].startswith(MAPPED):
        return client
    return client[0].removeprefix(MAPPED), client[1]


def client_address(peer: str, forwarded_for: Sequence[str]) -> str:
    """Return the client's address: the peer's, or the one in `forwarded_for` if the peer is a trusted proxy.

    `forwarded_for` holds the values of X-Forwarded-For. Each proxy appends the address of its own peer, so the
    right-most address that is not a trusted proxy is the client's. If that is no IP address, the peer's is used. HTTP
    and WebSocket have the same rule.
    """
    proxies = _trusted_proxies(settings.FORWARDED_ALLOW_IPS)
    if not forwarded_for or proxies is None or peer not in proxies:
        return peer
    address, _port = proxies.get_trusted_client_address(", ".join(forwarded_for))
    return address or peer


class TrustedProxies:
    """uvicorn's trusted proxies, whose X-Forwarded-For counts only if it names an IP address.

    uvicorn takes any text for the client's address, "unknown" and 3 kB of text too.
    """

    def __init__(self, proxies: Any) -> None:
        self._proxies = proxies

    def __contains__(self, host: str | None) -> bool:
        return host in self._proxies

    def get_trusted_client_address(self, forwarded_for: str) -> tuple[str, int]:
        """Return the client's address and port; the address is empty if the header names none."""
        address, port = self._proxies.get_trusted_client_address(forwarded_for)
        return (address, port) if len(address) <= LONGEST and _is_address(address) else ("", 0)


@lru_cache(10_000)
def _is_address(text: str) -> bool:
    try:
        return getattr(ip_address(text), "scope_id", None) is None  # a scope has a meaning on one machine only
    except ValueError:
        return False


@lru_cache(1)
def _trusted_proxies(named: str) -> TrustedProxies | None:
    return TrustedProxies(ProxyHeadersMiddleware(None, named).trusted_hosts) if named else None  # type: ignore[arg-type]  # wraps no application
