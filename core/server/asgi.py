"""The types of ASGI and WSGI, as servers and applications pass them."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Callable[..., Any]], Any]  # returns an iterable of bytes, maybe with `close`

ARRIVED = "shop.arrived_at"  # the key, in a scope or an environ, of the moment at which the whole request had arrived


def arrived_at(scope: Scope) -> float:
    """Return the time, of `perf_counter`, from which the duration of a request counts: its wait for a thread counts."""
    moment: float = scope.get(ARRIVED) or time.perf_counter()
    return moment
