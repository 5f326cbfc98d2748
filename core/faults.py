"""Converts every exception to a refusal, and logs it if an operator should know. Protocols only format the refusal."""

import logging

from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseFailure
from django.http import Http404
from rest_framework import exceptions

from core import databases
from core.errors import CATALOGUE, DomainError, Forbidden, InvalidInput, NotFound, TooLarge, Unavailable
from core.hosts import refused_host
from core.serializers import one_text_a_field

log = logging.getLogger(__name__)
CODES_OF_DRF: dict[type[Exception], str] = {
    exceptions.NotAuthenticated: "unauthenticated",
    exceptions.AuthenticationFailed: "unauthenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.ParseError: "invalid_input",
    exceptions.ValidationError: "invalid_input",
}
DATABASE_RETRY_S = 2


def as_domain_error(error: Exception) -> DomainError | None:
    """Convert an error of Django, DRF or the database to a DomainError; None for an unexpected exception."""
    match error:
        case DomainError():
            return error
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return TooLarge(f"Body max is {settings.MAX_BODY_BYTES} bytes")
        case DisallowedHost():
            return refused_host(str(error))
        case SuspiciousOperation():
            return InvalidInput("The request is malformed")
        case exceptions.ValidationError():
            return InvalidInput(fields=one_text_a_field(error.detail))
        case exceptions.APIException():
            return _of_drf(error)
        case DatabaseFailure():
            return _of_database(error)
        case _:
            return None


def refusal_for(error: Exception, where: object = "") -> DomainError:
    """Return the refusal for any exception; an unexpected one is logged, and its text is not sent to the client."""
    refusal = as_domain_error(error)
    if refusal is None:
        log.error("Unhandled error%s", f" at {where}" if where else "", exc_info=error)
    return refusal or DomainError()


def _of_database(error: DatabaseFailure) -> Unavailable | None:
    text = databases.outage(error)
    if text is None:
        return None
    log.warning("%s: %s", text, error)
    return Unavailable(text, retry_after_s=DATABASE_RETRY_S)


def _of_drf(error: exceptions.APIException) -> DomainError | None:
    code = next((code for kind, code in CODES_OF_DRF.items() if isinstance(error, kind)), None)
    if code is None:
        return None
    refusal = DomainError(CATALOGUE[code].title if code in ("unauthenticated", "not_found") else str(error.detail))
    refusal.code = code
    return refusal
