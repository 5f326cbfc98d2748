"""Responses if no view responds: unknown paths, and errors before or after a view."""

import sys

from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.templatetags.static import static

from core.errors import DomainError, Forbidden, InvalidInput, NotFound, Unavailable
from core.faults import as_domain_error
from core.protocols.message_pages import error_response
from ecommerce.refusals import refusal_at

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def whole_server(request: HttpRequest) -> HttpResponse:
    """Respond to `OPTIONS *`, which is about the server and not about a resource (RFC 9110, 9.3.7)."""
    if request.method != "OPTIONS":
        raise Http404
    response = HttpResponse(status=204, headers={"Allow": METHODS})
    del response["Content-Type"]  # Django says text/html of an empty body too
    return response


def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers to the icon: they ask for /favicon.ico beside a page that names none."""
    return HttpResponsePermanentRedirect(static("shop/favicon.svg"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _response(request, as_domain_error(exception) or InvalidInput())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _response(request, Forbidden())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Respond to a form without a valid CSRF token."""
    return _response(request, Forbidden("The form is too old, or cookies are off. Reload the page and try again"))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _response(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond with 503 if the current exception is an outage of the database or of a storage, else with 500."""
    error = sys.exc_info()[1]
    refusal = as_domain_error(error) if isinstance(error, (Error, Unavailable)) else None
    return _response(request, refusal or DomainError())


def _response(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """Write a refusal in the form of the API that the path belongs to; if it belongs to none, as a page for people."""
    response = refusal_at(request.path, request.headers.get("Accept"), refusal) or error_response(refusal)
    return HttpResponse(response.content, status=refusal.status, headers=response.headers)
