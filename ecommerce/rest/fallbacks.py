"""Answers where no view answers: unknown paths, and what fails before or after a view."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from ecommerce.errors import DomainError, Forbidden, InvalidInput, NotFound
from ecommerce.graph.errors import body_of as graphql_body_of
from ecommerce.rest.errors import as_domain_error, body_of, headers_of

BODIES = {"/api": body_of, "/health": body_of, "/graphql": lambda refusal: graphql_body_of([refusal])}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(request, as_domain_error(exception) or InvalidInput()) or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(request, Forbidden()) or defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(request, NotFound()) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _json(request, DomainError()) or defaults.server_error(request)


def _json(request: HttpRequest, refusal: DomainError) -> HttpResponse | None:
    for prefix, body in BODIES.items():
        if request.path.startswith(prefix):
            return JsonResponse(body(refusal), status=refusal.status, headers=headers_of(refusal))
    return None
