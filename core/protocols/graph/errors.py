"""Formats all errors at /graphql in the same way."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from graphene.utils.str_converters import to_camel_case
from graphql import GraphQLError

from core.errors import DomainError, InvalidInput
from core.faults import refusal_for
from core.server.logs import request_id

HINT = re.compile(r" ?Did you mean .*\?", re.DOTALL)  # suggestions that hide_suggestions does not remove


def graphql_body(errors: Iterable[GraphQLError | DomainError]) -> dict[str, object]:
    refusals: dict[int, DomainError] = {}
    return {"errors": [_formatted(error, refusals) for error in errors]}


def _formatted(error: GraphQLError | DomainError, refusals: dict[int, DomainError]) -> dict[str, object]:
    """Format an error. `refusals` maps the id() of each earlier exception to its refusal, so a fault is logged once."""
    if isinstance(error, DomainError):
        return {"message": _message(error), "extensions": _extensions(error)}
    key = id(error.original_error or error)
    if key not in refusals:
        refusals[key] = _refusal_in(error)
    refusal = refusals[key]
    body: dict[str, Any] = {"message": _message(refusal)}
    if error.locations:
        body["locations"] = [location.formatted for location in error.locations]
    if error.path:
        body["path"] = error.path
    body["extensions"] = _extensions(refusal)
    return body


def _refusal_in(error: GraphQLError) -> DomainError:
    """Return the refusal behind an error."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return InvalidInput(_worded(error.message))
    if isinstance(cause, ValueError) and error.path is None:  # a literal that Python can't parse; no resolver ran
        return InvalidInput(_worded(error.message.removesuffix(f"; {cause}")))
    return refusal_for(cause, error.path)


def _worded(message: str) -> str:
    """Remove the suggestions from a message of graphql-core, unless DEBUG is on."""
    return message if settings.DEBUG else HINT.sub("", message)


@contextmanager
def renaming_fields(**arguments: str) -> Iterator[None]:
    """Rename the fields of an InvalidInput that the block raises.

    `arguments` maps a field to the argument that contained it.
    """
    try:
        yield
    except InvalidInput as refusal:
        raise InvalidInput(fields=_renamed(refusal.fields, arguments)) from refusal


def fields_of(refusal: DomainError) -> dict[str, str]:
    """Return the text of each invalid field, with the field names of GraphQL."""
    return _renamed(refusal.fields, {name: to_camel_case(name) for name in refusal.fields})


def _renamed(texts: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    renamed = {}
    for name, text in texts.items():
        new = names.get(name, name)
        renamed[new] = new + text.removeprefix(name) if text.startswith(name) else text
    return renamed


def _message(refusal: DomainError) -> str:
    is_of_fields = refusal.fields and refusal.message == "; ".join(refusal.fields.values())
    return "; ".join(fields_of(refusal).values()) if is_of_fields else refusal.message


def _extensions(refusal: DomainError) -> dict[str, object]:
    facts: dict[str, object] = {"code": refusal.code.upper(), "request_id": request_id.get()}
    if refusal.fields:
        facts["fields"] = fields_of(refusal)
    if refusal.details:
        facts["details"] = refusal.details
    if refusal.retry_after_s is not None:
        facts["retry_after"] = refusal.retry_after_s
    return facts
