"""Facts about a request that are found out while it is answered, for its log line and its metrics."""

from contextvars import ContextVar, Token


class Facts:
    __slots__ = ("caller", "operation", "refused_budget")

    def __init__(self, caller: int | None = None, operation: str = "") -> None:
        self.caller = caller  # the id of the user who sent a valid token
        self.operation = operation  # of GraphQL
        self.refused_budget = ""  # the rate budget that is used up


_facts: ContextVar[Facts | None] = ContextVar("facts", default=None)
NONE = Facts()


def facts() -> Facts:
    """Return the facts of the current request; empty ones outside of a request."""
    return _facts.get() or NONE


# Not a context manager: that would take as long as everything else that a request's metrics cost.
def begin_facts() -> Token[Facts | None]:
    """Begin with empty facts. Give the result to `end_facts`."""
    return _facts.set(Facts())


def end_facts(token: Token[Facts | None]) -> None:
    _facts.reset(token)


def note_caller(user_id: int | None) -> None:
    if (found := _facts.get()) is not None:
        found.caller = user_id


def note_operation(name: str) -> None:
    """Name the operation. There must be few names."""
    if (found := _facts.get()) is not None:
        found.operation = name


def note_refusal(budget: str) -> None:
    if (found := _facts.get()) is not None:
        found.refused_budget = budget
