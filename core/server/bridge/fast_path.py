"""The fast path: a response without the WSGI application, for a request that needs nothing of its views.

The server calls the fast path first. If that returns no response, the request takes the ordinary path, through Django.
"""

from collections.abc import Callable
from typing import NamedTuple

from core.budgets import Budget
from core.server.asgi import Scope
from core.server.bridge.responses import WsgiResponse


class FastPathResult(NamedTuple):
    """The response; or, if it is None, the work that the ordinary path must not do again."""

    response: WsgiResponse | None = None
    budget: Budget | None = None  # the caller's remaining budget, if the request was counted
    error: Exception | None = None  # raised by the action: the ordinary path raises it again, and so writes the refusal


DONE = "shop.fast_path"  # key in a scope: the result of a direct call, or its exception
ORDINARY = FastPathResult()  # the request was not counted and no action was called
FastPath = Callable[[Scope, bytes], FastPathResult]  # called with the request's scope and body, on a thread
