"""Every error at /graphql in one form."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from graphene.utils.str_converters import to_camel_case
from graphql import GraphQLError

from ecommerce.errors import CATALOGUE, DomainError, InvalidInput
from ecommerce.logs import request_id
from ecommerce.rest.errors import as_domain_error

log = logging.getLogger(__name__)
HINT = re.compile(r" ?Did you mean .*\?", re.DOTALL)  # what graphql-core's hide_suggestions leaves of them
PYTHONIC = re.compile(r"\b((?:value|be):? )(None|True|False)\b")
JSON_WORDS = {"None": "null", "True": "true", "False": "false"}


class TooComplex(DomainError):
    """The document asks for more than one request may."""

    code = "too_complex"


def body_of(errors: Iterable[GraphQLError | DomainError]) -> dict[str, Any]:
    refusals: dict[int, DomainError | None] = {}
    return {"errors": [_formatted(error, refusals) for error in errors]}


def _formatted(error: GraphQLError | DomainError, refusals: dict[int, DomainError | None]) -> dict[str, Any]:
    """Format an error; `refusals` knows those of the causes that were met, by id: a fault is logged once."""
    if isinstance(error, DomainError):
        return {"message": _message(error), "extensions": _extensions(error)}
    key = id(error.original_error or error)
    if key not in refusals:
        refusals[key] = _refusal_in(error)
    refusal = refusals[key]
    body: dict[str, Any] = {"message": _message(refusal) if refusal else CATALOGUE["internal"].title}
    if error.locations:
        body["locations"] = [place.formatted for place in error.locations]
    if error.path:
        body["path"] = error.path
    body["extensions"] = _extensions(refusal)
    return body


def _refusal_in(error: GraphQLError) -> DomainError | None:
    """Return the refusal behind an error; None when it is a fault, which goes to the log."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return InvalidInput(_worded(error.message))
    refusal = as_domain_error(cause)
    if refusal is None:
        log.error("Unhandled error at %s", error.path, exc_info=cause)
    return refusal


def _worded(message: str) -> str:
    """Reword what graphql-core says: no hints, and values as JSON has them."""
    message = PYTHONIC.sub(lambda found: found[1] + JSON_WORDS[found[2]], message)
    return message if settings.DEBUG else HINT.sub("", message)


@contextmanager
def naming(**arguments: str) -> Iterator[None]:
    """Name the fields of a refusal by the arguments that they came in by."""
    try:
        yield
    except InvalidInput as refusal:
        raise InvalidInput(fields=_renamed(refusal.fields, arguments)) from refusal


def fields_of(refusal: DomainError) -> dict[str, str]:
    """Return the texts by field, under the names that fields have in GraphQL."""
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


def _extensions(refusal: DomainError | None) -> dict[str, Any]:
    code = refusal.code if refusal else "internal"
    facts: dict[str, Any] = {"code": code.upper(), "request_id": request_id.get()}
    if refusal and refusal.fields:
        facts["fields"] = fields_of(refusal)
    if refusal and refusal.details:
        facts["details"] = refusal.details
    if refusal and refusal.retry_after_s is not None:
        facts["retry_after"] = refusal.retry_after_s
    return facts
