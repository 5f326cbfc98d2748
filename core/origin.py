"""The origin of a change: the caller, the protocol, the request and the reason. Triggers keep it with each change."""

import json
from contextvars import ContextVar, Token
from typing import Any, NamedTuple


class Origin(NamedTuple):
    """`cause` names the kind of the change, such as `sale`; if it is empty, the trigger chooses the kind."""

    actor_id: int | None = None
    protocol: str = "command"  # outside of requests: the shell and management commands
    request_id: str = ""
    cause: str = ""
    reason: str = ""

    def as_json(self) -> str:
        return json.dumps(self)


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  # a tuple


def present_origin() -> Origin:
    return _current.get()


# Not `originating`, which takes three times as long: each request begins with an origin.
def begin_origin(request_id: str, protocol: str | None) -> Token[Origin]:
    """Set the request of all changes, and its protocol unless that is None. Give the result to `end_origin`."""
    actor_id, present_protocol, _, cause, reason = _current.get()
    return _current.set(Origin(actor_id, protocol or present_protocol, request_id, cause, reason))


def end_origin(token: Token[Origin]) -> None:
    _current.reset(token)


class originating:  # used like a function
    """Set facts of the origin, fields of `Origin`, for all changes inside."""

    # Not a generator: that takes half as long again.
    __slots__ = ("_facts", "_token")

    def __init__(self, **facts: Any) -> None:
        self._facts = facts

    def __enter__(self) -> None:
        present = _current.get()
        self._token = _current.set(Origin(*map(self._facts.get, Origin._fields, present)))

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)
