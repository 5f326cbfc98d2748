"""Every refusal and every fault as an answer."""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ecommerce.errors import (
    CATALOGUE,
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from ecommerce.logs import request_id
from ecommerce.rest.problems import MEDIA_TYPE, problem_of
from ecommerce.rest.versions import V2, version_named
from ecommerce.serializers import one_text_a_field

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


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: the answer to anything a view raises."""
    set_rollback()
    refusal = as_domain_error(error)
    if refusal is None:
        log.error("Unhandled error", exc_info=error)
        refusal = DomainError()
    return refused(refusal, context["request"])


class Refused(Response):
    """An answer that refuses; `is_problem` when it is a problem document."""

    refusal: DomainError
    is_problem = False

    def media_type(self, format: str) -> str:
        return f"{MEDIA_TYPE}+{format}" if self.is_problem else f"application/{format}"


def refused(refusal: DomainError, request: Request) -> Refused:
    """Build the answer in the version of the request, or, before one is settled, in the one that it names."""
    version = getattr(request, "version", None) or version_named(request.path, request.headers.get("Accept"))
    body = written(refusal, version, request.path)
    response = Refused(body, status=refusal.status, headers=headers_of(refusal))
    response.refusal, response.is_problem = refusal, version == V2
    return response


def written(refusal: DomainError, version: str, path: str) -> dict[str, Any]:
    """Build the body that a refusal of a request for `path` has in a version of REST."""
    return problem_of(refusal, path) if version == V2 else body_of(refusal)


def as_domain_error(error: Exception) -> DomainError | None:
    """Return an error of Django, DRF or the database as the domain's own; None for what is nobody's refusal."""
    match error:
        case DomainError():
            return error
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return TooLarge(f"Body max is {settings.MAX_BODY_BYTES} bytes")
        case SuspiciousOperation():
            return InvalidInput("The request is malformed")
        case exceptions.ValidationError():
            return InvalidInput(fields=one_text_a_field(error.detail))
        case exceptions.APIException():
            return _of_drf(error)
        case OperationalError() | InterfaceError():
            log.warning("The database refused: %s", error)
            return Unavailable("The database does not answer in time", retry_after_s=DATABASE_RETRY_S)
        case _:
            return None


def _of_drf(error: exceptions.APIException) -> DomainError | None:
    code = next((code for kind, code in CODES_OF_DRF.items() if isinstance(error, kind)), None)
    if code is None:
        return None
    refusal = DomainError(CATALOGUE[code].title if code in ("unauthenticated", "not_found") else str(error.detail))
    refusal.code = code
    return refusal


def body_of(refusal: DomainError) -> dict[str, Any]:
    """Build the body that a refusal has in v1."""
    # One text for what is not there and for what is not for this caller.
    message = CATALOGUE["not_found"].title if refusal.code == "not_found" else refusal.message
    body: dict[str, Any] = {"error": message, "code": refusal.code, "request_id": request_id.get()}
    if refusal.fields:
        body["errors"] = refusal.fields
    if refusal.details:
        body["details"] = refusal.details
    if refusal.retry_after_s is not None:
        body["retry_after"] = refusal.retry_after_s
    return body


def headers_of(refusal: DomainError) -> dict[str, str]:
    """Return the headers HTTP asks for: WWW-Authenticate with 401 (RFC 6750, 3), Retry-After (RFC 9110, 10.2.3)."""
    headers = {}
    if refusal.code == "unauthenticated":
        bad_token = isinstance(refusal, Unauthenticated) and refusal.is_about_token
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if bad_token else "Bearer"
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return headers
