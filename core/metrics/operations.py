"""The protocol and the operation of a request. There are few of both, whatever clients send."""

import re
from functools import lru_cache
from typing import NamedTuple

from django.urls import Resolver404, resolve

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
RPC = {"gRPC": "grpc", "gRPC-Web": "grpc-web", "Connect": "connect"}  # methods in the log -> protocols
PROTOCOLS = {"graphql": "graphql", "api": "rest", "health": "health", "admin": "admin", "static": "static"}
NUMBER = re.compile(r"(?<=/)\d+")


class RequestKind(NamedTuple):
    protocol: str
    name: str


def operation_of(method: str, path: str) -> RequestKind:
    """Return the operation of a request, by the method and the path in its log line."""
    if method != "gRPC":  # its paths are names of methods
        path = NUMBER.sub("1", path)
    return _operation_of(method, path)


@lru_cache(4096)
def _operation_of(method: str, path: str) -> RequestKind:
    if method in RPC:
        return RequestKind(RPC[method], path if path.isascii() and path.count("/") == 2 else "unknown")
    protocol = PROTOCOLS.get(path.strip("/").partition("/")[0], "other")
    if method == "WS":
        return RequestKind("websocket", _view_of("/graphql") if protocol == "graphql" else "WebSocket")
    if protocol == "static":
        return RequestKind(protocol, protocol)
    return RequestKind(protocol, f"{method if method in METHODS else 'OTHER'} {_view_of(path)}")


@lru_cache(1024)
def _view_of(path: str) -> str:
    """Return the name of the view that responds at a path, and its version of the API if it has one."""
    try:
        match = resolve(path)
    except Resolver404:
        return "unknown"
    version = match.kwargs.get("version")
    return " ".join(filter(None, (match.view_name.rpartition(".")[2], version)))
