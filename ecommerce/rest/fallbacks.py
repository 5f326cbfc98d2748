"""Answers where no view answers: unknown paths, and what fails before or after a view."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from ecommerce.errors import DomainError, Forbidden, InvalidInput, NotFound
from ecommerce.rest.errors import as_domain_error, body_of, fault_body, headers_of

JSON_PATHS = ("/api", "/health")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(request, as_domain_error(exception) or InvalidInput()) or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(request, Forbidden()) or defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(request, NotFound()) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(JSON_PATHS):
        return JsonResponse(fault_body(), status=500)
    return defaults.server_error(request)


def _json(request: HttpRequest, refusal: DomainError) -> HttpResponse | None:
    if not request.path.startswith(JSON_PATHS):
        return None
    return JsonResponse(body_of(refusal), status=refusal.status, headers=headers_of(refusal))
