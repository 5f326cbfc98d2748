"""What a resolver knows of the request."""

from copy import copy
from typing import Any

from graphql import OperationType
from graphql_relay import from_global_id

from ecommerce.errors import InvalidInput
from ecommerce.rest.views import address_of as address_of_request


def caller_of(info: Any) -> Any:
    caller = info.context.user
    # A row keeps what was loaded of it: what one mutation shows of the caller must not be what the next one shows.
    return copy(caller) if info.operation.operation is OperationType.MUTATION else caller


def address_of(info: Any) -> str:
    return address_of_request(info.context)


def id_given(value: Any) -> int:
    """Return an id that was given as a number or its text. Raises InvalidInput for null and for what is none."""
    if value is None or not is_id(str(value)):
        raise InvalidInput("id is required" if value is None else "id is none of ours")
    return int(value)


def is_id(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 11


def global_id_of(text: str) -> tuple[str, str]:
    """Read a Relay global id: a type's name and a key, each empty where the text is no such id."""
    kind, pk = from_global_id(text)
    return kind, pk


def extend(kind: Any, **fields: Any) -> None:
    """Give a type of a lower app a field whose type belongs to a higher one."""
    kind._meta.fields.update(fields)
