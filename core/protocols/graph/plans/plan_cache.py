"""The plans of this process, by document. `plans` says which requests use them."""

import threading
from collections import OrderedDict
from typing import Any

from graphql import (
    DocumentNode,
    OperationDefinitionNode,
    OperationType,
)

from core.plans.columns import Unplannable
from core.protocols.graph.documents import MAX_CACHED
from core.protocols.graph.plans.query_plan import QueryPlan

MAX_SEEN = 4_096

Key = tuple[str, str | None]  # a document, and the name of its operation


class PlanCache:
    """The plans of this process. A document gets a plan when it is sent for the second time.

    So documents that are sent once, each with other literals, cost little and evict no plans.
    """

    def __init__(self) -> None:
        self._plans: OrderedDict[Key, QueryPlan | None] = OrderedDict()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, query: str, name: str | None) -> QueryPlan | None:
        """Return the plan of a document and its operation, if there is one."""
        with self._lock:
            if (query, name) not in self._plans:
                return None
            self._plans.move_to_end((query, name))
            return self._plans[query, name]

    def learn(self, query: str, name: str | None, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        """Note that a valid document was sent. When it is sent for the second time, compile its plan if possible."""
        key, mark = (query, name), hash((query, name))
        with self._lock:
            if key in self._plans or operation.operation is not OperationType.QUERY:
                return
            if mark not in self._seen:
                _keep(self._seen, mark, None, MAX_SEEN)
                return
        plan = _plan_of(document, operation)
        with self._lock:
            _keep(self._plans, key, plan, MAX_CACHED)


def _keep(kept: OrderedDict[Any, Any], key: object, value: object, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)


def _plan_of(document: DocumentNode, operation: OperationDefinitionNode) -> QueryPlan | None:
    try:
        return QueryPlan(document, operation)
    except Unplannable:
        return None
