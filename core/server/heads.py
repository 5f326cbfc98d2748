"""Heads of requests that HTTP/1.1 does not allow, although the parser accepts them (RFC 9112)."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from core.errors import DomainError, InvalidInput


class UnknownCoding(InvalidInput):
    http_status = 501

    def __init__(self) -> None:
        super().__init__("Transfer-Encoding must be chunked")


def refusal_of_head(
    method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]
) -> DomainError | None:
    """Return the refusal of a request with this head, whose header names are in lower case; None if it is allowed."""
    hosts, codings = [], []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value.strip().lower())
    if len(hosts) > 1 or (not hosts and version != "1.0"):
        return InvalidInput("The request must have one Host header")  # section 3.2
    if target == b"*" and method != b"OPTIONS":
        return InvalidInput("Only OPTIONS may have * for its target")  # section 3.2.4
    if target[:1] not in (b"/", b"*") and hosts and _host_in(target) != hosts[0].lower():
        return InvalidInput("The target and the Host header must name the same host")  # section 3.2.2
    if codings and codings != [b"chunked"]:
        return UnknownCoding()  # section 6.1
    return None


def _host_in(target: bytes) -> bytes:
    """Return host and port in an absolute URL; empty if it can't be parsed."""
    try:
        return urlsplit(target).netloc.rpartition(b"@")[2].lower()
    except ValueError:
        return b""
