"""What a subscription answers to the events that it follows.

Many ask the same: an answer is made once for all whose document, variables and standing agree. One that loads nothing
is made at once, on the event loop; any other on the threads of streams.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
from graphql import DocumentNode, FieldNode, Node, OperationDefinitionNode, VariableNode

from ecommerce import logs
from ecommerce.feed.events import Event
from ecommerce.graph.errors import body_of
from ecommerce.graph.execution import run
from ecommerce.graph.limits import fragments_of, parts_at_root, selections_of
from ecommerce.graph.sources import Source
from ecommerce.live.threads import ask
from ecommerce.permissions import standing_of

MAX_KEPT = 1_024
FRESH_S = 1  # for so long what was loaded is told to others too


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
    """One subscription of `user`, who is who it was when it began."""

    def __init__(self, operation: Operation, user: Any, source: Source) -> None:
        self.operation, self.source = operation, source
        self._context = SimpleNamespace(user=user)
        self._loads_nothing = operation.cost == 0
        self._key = (
            operation.query,
            operation.name,
            _used(operation),
            None if self._loads_nothing else standing_of(user),
        )

    async def answer(self, event: Event) -> str:
        """Return the result for one event, as JSON. Raises QueueFull."""
        key = (*self._key, event)
        known = _answers.get(key)
        if known is None:
            known = _answers.keep(key, self._made(event) if self._loads_nothing else self._loaded(key, event))
        return known if isinstance(known, str) else await asyncio.shield(known)

    def _loaded(self, key: Hashable, event: Event) -> "asyncio.Future[str]":
        future = asyncio.ensure_future(ask(self._made, event))
        future.add_done_callback(partial(_expire, key))
        return future

    def _made(self, event: Event) -> str:
        operation = self.operation
        with logs.named(""):  # a fault is found in the log by what the answer says
            result = run(operation.document, operation.name, operation.variables, self._context, event)
            body = body_of(result.errors) if result.errors else {}
        return orjson.dumps({"data": result.data} | body, default=str).decode()


class _Answers:
    """The latest answers, and those that are being made."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        return self._kept.get(key)

    def keep(self, key: Hashable, answer: Any) -> Any:
        self._kept[key] = answer
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return answer

    def drop(self, key: Hashable) -> None:
        self._kept.pop(key, None)


_answers = _Answers()


def _expire(key: Hashable, future: "asyncio.Future[str]") -> None:
    """Forget what was loaded after a while: who asks then is told of the state by then."""
    if not future.cancelled():
        future.exception()  # looked at: all who asked may have left
    future.get_loop().call_later(FRESH_S, _answers.drop, key)


def _used(operation: Operation) -> bytes:
    """Return the variables that an answer depends on: those of the field itself only say what is followed."""
    fragments = fragments_of(operation.document)
    fields = [part for part in parts_at_root(operation.node, fragments) if isinstance(part, FieldNode)]
    places = [selection for field in fields for selection in selections_of(field)] + list(fragments.values())
    names = {name for place in places for name in _variables_in(place, fields)}
    used = {name: value for name, value in operation.variables.items() if name in names}
    return orjson.dumps(used, default=str, option=orjson.OPT_SORT_KEYS)


def _variables_in(node: Node, fields: Sequence[Node]) -> Iterator[str]:
    """Yield the names of the variables below a node, but for the arguments of `fields`."""
    if isinstance(node, VariableNode):
        yield node.name.value
    for key in node.keys:
        value = getattr(node, key)
        if key != "arguments" or not any(node is field for field in fields):
            for inner in value if isinstance(value, tuple | list) else (value,):
                if isinstance(inner, Node):
                    yield from _variables_in(inner, fields)
