"""Responses for all refusals and unexpected exceptions."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import DomainError
from core.faults import refusal_for
from core.protocols.faults import body_of, headers_of
from core.protocols.rest.problems import MEDIA_TYPE, problem_of
from core.protocols.rest.versions import V2, version_named
from core.server.negotiation import TEXT_XML


def exception_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: return the response for any exception of a view."""
    set_rollback()
    return refused(refusal_for(error), context["request"])


class RefusalResponse(Response):
    """An error response; `is_problem` if its body is a problem document."""

    refusal: DomainError
    is_problem = False
    accepted: str | None = None  # the media type that the client accepts

    def media_type(self, format: str) -> str:
        if self.is_problem:
            return f"{MEDIA_TYPE}+{format}"
        return TEXT_XML if self.accepted == TEXT_XML else f"application/{format}"


def refused(refusal: DomainError, request: Request) -> RefusalResponse:
    """Build the response in the version of the request. If no view has set it, use the version in the URL or Accept."""
    version = getattr(request, "version", None) or version_named(request.path, request.headers.get("Accept"))
    body = refusal_body(refusal, version, request.path)
    response = RefusalResponse(body, status=refusal.status, headers=headers_of(refusal))
    response.refusal, response.is_problem = refusal, version == V2
    response.accepted = getattr(request, "accepted_media_type", None)
    return response


def refusal_body(refusal: DomainError, version: str | None, path: str) -> dict[str, object]:
    """Return the body of a refusal in a version of REST; `path` is the requested path."""
    return problem_of(refusal, path) if version == V2 else body_of(refusal)
