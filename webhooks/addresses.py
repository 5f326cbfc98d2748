"""Checks webhook URLs against server-side request forgery: they must not lead into a private network."""

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from queue import Empty, SimpleQueue

from django.conf import settings

from webhooks.errors import RefusedUrl
from webhooks.models import MAX_URL_LENGTH

Address = IPv4Address | IPv6Address

DEFAULT_PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024  # services on lower ports, such as mail servers, may read a POST as their own commands
LOOK_UP_S = 5

# The only parser of webhook URLs: if two parsers disagree, one checks a host and the other connects to another host.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|(?:[a-z0-9_-]+\.)*[a-z0-9_-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][!-~]*)?",
    re.IGNORECASE | re.ASCII,  # else `\u017f` matches `s`
)
_PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home.arpa")  # suffixes of names inside private networks
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_REFUSED_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # Azure's service for its virtual machines
        "192.0.0.0/24",  # protocol assignments, including a cloud's metadata service
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/4",
        "2001::/23",  # protocol assignments, including Teredo, which embeds an IPv4 address
        "2002::/16",  # 6to4, which embeds an IPv4 address
        "3fff::/20",  # documentation
    )
]


@dataclass(frozen=True, slots=True)
class UrlParts:
    """The parts of a webhook URL."""

    scheme: str
    host: str  # without brackets
    port: int
    target: str


def read_url(url: str) -> UrlParts:
    """Parse a webhook URL, without a DNS look-up. Raises RefusedUrl."""
    match = _URL.fullmatch(url)
    if not match or len(url) > MAX_URL_LENGTH or "#" in url or "\\" in url:
        raise RefusedUrl("Write a URL like https://shop.example/hook, without user name, password or fragment.")
    scheme, host = match["scheme"].lower(), match["host"].lower().strip("[]")
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    target = match["target"] or "/"
    if scheme == "http" and not settings.WEBHOOK_ALLOW_HTTP:
        raise RefusedUrl("The URL must begin with https://.")
    if not (port == DEFAULT_PORTS[scheme] or FIRST_FREE_PORT <= port < 65_536):
        raise RefusedUrl(f"The port must be {DEFAULT_PORTS[scheme]}, or 1024 and above.")
    _check_host(host)
    return UrlParts(scheme, host, port, target if target.startswith("/") else f"/{target}")


def _check_host(host: str) -> None:
    last = host.rpartition(".")[2]
    if ":" in host or last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        try:
            ipaddress.ip_address(host)
        except ValueError as error:  # 2130706433 and 0177.1 also mean 127.0.0.1
            raise RefusedUrl("Write an IP address in its usual form.") from error
    elif not settings.WEBHOOK_PRIVATE_NETWORKS and f".{host}".endswith(tuple(f".{name}" for name in _PRIVATE_NAMES)):
        raise RefusedUrl(f"{host} is a name of a private network.")


def addresses_of(host: str, port: int, timeout_s: float = LOOK_UP_S) -> list[str]:
    """Resolve a host with one look-up. Raises RefusedUrl if it has no address, or if any address is not allowed."""
    answers: SimpleQueue[list[str] | OSError] = SimpleQueue()
    # The system's look-up has no timeout and can't be cancelled.
    threading.Thread(target=_look_up, args=(host, port, answers), name="look-up", daemon=True).start()
    try:
        found = answers.get(timeout=max(0.0, timeout_s))
    except Empty:
        raise RefusedUrl(f"The look-up of {host} took too long.") from None
    if isinstance(found, OSError):
        raise RefusedUrl(f"The host {host} is not known.") from found
    for address in found:
        if not may_be_sent_to(address):
            raise RefusedUrl(f"{host} resolves to {address}, which is not a public address.")
    return found


def _look_up(host: str, port: int, answers: "SimpleQueue[list[str] | OSError]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
    except (OSError, UnicodeError) as error:
        answers.put(error if isinstance(error, OSError) else OSError(str(error)))


def may_be_sent_to(text: str) -> bool:
    """Return whether an address is public or in WEBHOOK_PRIVATE_NETWORKS."""
    try:
        address = _unwrapped(ipaddress.ip_address(text))
    except ValueError:  # an address with a zone: fe80::1%eth0
        return False
    networks = map(ipaddress.ip_network, settings.WEBHOOK_PRIVATE_NETWORKS)
    return any(address in network for network in networks) or _is_public(address)


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that routers read from a mapped or NAT64 IPv6 address; else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not is_special and not any(address in network for network in _REFUSED_NETWORKS)


def check_url(url: str) -> None:
    """Raise RefusedUrl if webhooks may not be sent to this URL now."""
    parts = read_url(url)
    addresses_of(parts.host, parts.port)
