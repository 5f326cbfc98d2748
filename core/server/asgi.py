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

ARRIVED = "shop.arrived_at"  # key in a scope or an environ: the time at which the whole request had arrived


def arrived_at(scope: Scope) -> float:
    """Return the time (`perf_counter`) at which the duration of a request begins; it includes the wait for a thread."""
    moment: float = scope.get(ARRIVED) or time.perf_counter()
    return moment
