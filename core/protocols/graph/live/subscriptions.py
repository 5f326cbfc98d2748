"""The results of a subscription for its events.

Many clients send the same subscription. So a result is computed once for all subscriptions with the same document,
variables and user rights. If a result needs no database, it is computed at once on the event loop. Else it is computed
on the threads of streams.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
from graphql import DocumentNode, FieldNode, Node, OperationDefinitionNode, VariableNode

from core.callers import Caller
from core.models import Event
from core.permissions import access_key
from core.protocols.graph.errors import graphql_body
from core.protocols.graph.execution import run
from core.protocols.graph.limits import fragments_of, parts_at_root, selections_of
from core.protocols.graph.live.subscription_spec import SubscriptionSpec
from core.protocols.live.rights import check_role
from core.runtime import singleton
from core.server import logs
from core.server.stream_threads import ask

MAX_KEPT = 1_024
FRESH_S = 1  # time for which a loaded result is reused for other subscribers


class Operation(NamedTuple):
    """One operation of a valid document."""

    query: str
    document: DocumentNode
    node: OperationDefinitionNode
    variables: Mapping[str, Any]
    cost: int

    @property
    def name(self) -> str | None:
        return self.node.name.value if self.node.name else None


class Subscription:
    """One subscription of a caller. Its user is not reloaded after the start."""

    def __init__(self, operation: Operation, caller: Caller, spec: SubscriptionSpec) -> None:
        self.operation, self.caller, self.spec = operation, caller, spec
        self._context = SimpleNamespace(user=caller.user)
        self._needs_no_database = operation.cost == 0
        self._key = (
            operation.query,
            operation.name,
            _used_variables(operation),
            None if self._needs_no_database else access_key(caller.user),
        )

    async def answer(self, event: Event) -> str:
        """Return the result for one event, as JSON.

        Raises QueueFull. If the results depend on the caller's role, also raises as `check_role` does.
        """
        if self.spec.depends_on_role:
            await check_role(self.caller)
        key = (*self._key, event)
        results = singleton(RecentResults)
        known = results.get(key)
        if known is None:
            known = results.keep(
                key, self._executed(event) if self._needs_no_database else self._executed_on_thread(key, event)
            )
        return known if isinstance(known, str) else await asyncio.shield(known)

    def _executed_on_thread(self, key: Hashable, event: Event) -> "asyncio.Future[str]":
        future = asyncio.ensure_future(ask(self._executed, event))
        future.add_done_callback(partial(_expire, key))
        return future

    def _executed(self, event: Event) -> str:
        operation = self.operation
        with logs.in_request(""):  # a new request id, which the log and the errors in the result share
            result = run(operation.document, operation.name, operation.variables, self._context, event)
            body = graphql_body(result.errors) if result.errors else {}
        return orjson.dumps({"data": result.data} | body, default=str).decode()


class RecentResults:
    """The latest results, and those in progress."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        return self._kept.get(key)

    def keep(self, key: Hashable, answer: object) -> Any:
        self._kept[key] = answer
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return answer

    def drop(self, key: Hashable) -> None:
        self._kept.pop(key, None)


def _expire(key: Hashable, future: "asyncio.Future[str]") -> None:
    """Drop a loaded result after FRESH_S, so that later subscribers get the state of their time."""
    if not future.cancelled():
        future.exception()  # mark it as retrieved: all subscribers may have left
    future.get_loop().call_later(FRESH_S, singleton(RecentResults).drop, key)


def _used_variables(operation: Operation) -> bytes:
    """Return the variables that a result depends on, as JSON.

    Variables of the root field's arguments are left out, because they only select the events.
    """
    fragments = fragments_of(operation.document)
    fields = [node for node in parts_at_root(operation.node, fragments) if isinstance(node, FieldNode)]
    nodes = [selection for field in fields for selection in selections_of(field)] + list(fragments.values())
    names = {name for node in nodes for name in _variables_in(node, fields)}
    used = {name: value for name, value in operation.variables.items() if name in names}
    return orjson.dumps(used, default=str, option=orjson.OPT_SORT_KEYS)


def _variables_in(node: Node, fields: Sequence[Node]) -> Iterator[str]:
    """Yield the names of the variables below a node, except in the arguments of `fields`."""
    if isinstance(node, VariableNode):
        yield node.name.value
    for key in node.keys:
        value = getattr(node, key)
        if key != "arguments" or not any(node is field for field in fields):
            for inner in value if isinstance(value, tuple | list) else (value,):
                if isinstance(inner, Node):
                    yield from _variables_in(inner, fields)
