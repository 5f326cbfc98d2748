"""Functions for resolvers: the caller, the address, and ids in arguments."""

from copy import copy
from typing import Any

from graphql import GraphQLResolveInfo, OperationType
from graphql_relay import from_global_id

from core.actors import Actor
from core.errors import InvalidInput
from core.permissions import Guard, anyone, require
from core.protocols.clients import address_of


def graphql_caller(info: GraphQLResolveInfo, guard: Guard = anyone) -> Actor:
    """Return the caller. Raises Unauthenticated or Forbidden if the guard (an action or a rule) refuses it."""
    caller: Actor = info.context.user
    require(caller, guard)
    # The row caches its relations. A copy for each mutation keeps it from showing relations that an earlier one loaded.
    return copy(caller) if info.operation.operation is OperationType.MUTATION else caller


def graphql_address(info: GraphQLResolveInfo) -> str:
    return address_of(info.context)


def id_given(value: object) -> int:
    """Return an id that was sent as a number or as text. Raises InvalidInput if it is null or malformed."""
    if value is None or not is_id(str(value)):
        raise InvalidInput("id is required" if value is None else "id is not valid")
    return int(str(value))


def is_id(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 11


def global_id_of(text: str) -> tuple[str, str]:
    """Return the type name and the key of a Relay global id; the type name is empty if the id is malformed."""
    kind, pk = from_global_id(text)
    return kind, pk


def extend(kind: Any, **fields: object) -> None:
    """Add fields to a type whose app must not import the app of the fields' types."""
    kind._meta.fields.update(fields)
