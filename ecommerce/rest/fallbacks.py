"""Answers where no view answers: unknown paths, and what fails before or after a view."""

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from ecommerce.errors import DomainError, Forbidden, InvalidInput, NotFound
from ecommerce.rest.errors import as_domain_error
from ecommerce.rest.refusals import refusal_at


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, as_domain_error(exception) or InvalidInput()) or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, Forbidden()) or defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, NotFound()) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _told(request, DomainError()) or defaults.server_error(request)


def _told(request: HttpRequest, refusal: DomainError) -> HttpResponse | None:
    told = refusal_at(request.path, request.headers.get("Accept"), refusal)
    return HttpResponse(told.content, status=refusal.status, headers=told.headers) if told else None
