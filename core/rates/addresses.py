"""Client addresses: the one that a trusted proxy reports, and the form that rate budgets count."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

IPV6_PREFIX_BITS = 64  # a client has at least a /64 and can use every address in it

MAPPED = "::ffff:"  # of an IPv4-mapped address


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
    right-most address that is not a trusted proxy is the client's. uvicorn applies the same rule to HTTP.
    """
    proxies = _trusted_proxies(settings.FORWARDED_ALLOW_IPS)
    if not forwarded_for or proxies is None or peer not in proxies:
        return peer
    address, _port = proxies.get_trusted_client_address(", ".join(forwarded_for))
    return address or peer


@lru_cache(1)
def _trusted_proxies(named: str) -> Any:
    return ProxyHeadersMiddleware(None, named).trusted_hosts if named else None  # type: ignore[arg-type]  # wraps no application
