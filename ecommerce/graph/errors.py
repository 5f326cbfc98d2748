"""Every error at /graphql in one form."""

import logging
import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from graphene.utils.str_converters import to_camel_case
from graphql import GraphQLError

from ecommerce.errors import CATALOGUE, DomainError, InvalidInput
from ecommerce.logs import request_id
from ecommerce.rest.errors import as_domain_error

log = logging.getLogger(__name__)
HINT = re.compile(r" ?Did you mean .*\?", re.DOTALL)  # graphql-core's: it would spell the schema out to who guesses


class TooComplex(DomainError):
    """The document asks for more than one request may."""

    code = "too_complex"


def body_of(errors: Iterable[GraphQLError | DomainError]) -> dict[str, Any]:
    return {"errors": [_formatted(error) for error in errors]}


def _formatted(error: GraphQLError | DomainError) -> dict[str, Any]:
    if isinstance(error, DomainError):
        return {"message": error.message, "extensions": _extensions(error)}
    refusal = _refusal_in(error)
    body: dict[str, Any] = {"message": refusal.message if refusal else CATALOGUE["internal"].title}
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
        return InvalidInput(error.message if settings.DEBUG else HINT.sub("", error.message))
    refusal = as_domain_error(cause)
    if refusal is None:
        log.error("Unhandled error at %s", error.path, exc_info=cause)
    return refusal


def fields_of(refusal: DomainError) -> dict[str, str]:
    """Return the texts by field, under the names that fields have in GraphQL."""
    return {to_camel_case(name): text for name, text in refusal.fields.items()}


def _extensions(refusal: DomainError | None) -> dict[str, Any]:
    code = refusal.code if refusal else "internal"
    facts: dict[str, Any] = {"code": code.upper(), "request_id": request_id.get()}
    if refusal and refusal.fields:
        facts["fields"] = fields_of(refusal)
    if refusal and refusal.details:
        facts["details"] = refusal.details
    if refusal and refusal.retry_after_s is not None:
        facts["retryAfter"] = refusal.retry_after_s
    return facts
