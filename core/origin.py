"""The origin of a change: the caller, the protocol, the request and the reason. Triggers keep it with each change."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


@contextmanager
def originating(**facts: Any) -> Iterator[None]:
    """Set facts of the origin, fields of `Origin`, for all changes inside."""
    token = _current.set(_current.get()._replace(**facts))
    try:
        yield
    finally:
        _current.reset(token)
