"""The metadata of a call, and the client's address."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import unquote

import grpc

from core.rates.addresses import client_address


class CallContext(Protocol):
    """The part of a call's context that services use. Calls by grpcio and calls over HTTP have it."""

    def is_active(self) -> bool:
        """Whether the client still waits."""


def metadata_of(context: grpc.ServicerContext) -> dict[str, str]:
    """Return the metadata without binary values, names in lower case; of a repeated name, the last value."""
    return {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}


def grpc_address(context: grpc.ServicerContext, metadata: Mapping[str, str]) -> str:
    """Return the client's IP address in REST's format; if a trusted proxy calls, the one in `x-forwarded-for`."""
    if "x-forwarded-for" not in metadata:
        return _address_in(context.peer())
    forwarded_for = [value for name, value in context.invocation_metadata() or () if name == "x-forwarded-for"]
    return client_address(_address_in(context.peer()), forwarded_for)


@lru_cache(10_000)
def _address_in(peer: str) -> str:
    family, _, host_and_port = unquote(peer).partition(":")
    if family not in ("ipv4", "ipv6"):
        return "unknown"
    address = ip_address(host_and_port.rpartition(":")[0].strip("[]").partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)
