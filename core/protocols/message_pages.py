"""The HTML pages for an outage or an error. They need no database, no session and no script."""

from typing import NamedTuple

from django.conf import settings
from django.template.loader import render_to_string

from core.errors import CATALOGUE, DomainError
from core.protocols.faults import headers_of
from core.server.logs import request_id
from core.server.negotiation import preferred

HTML, JSON = "text/html", "application/json"
POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
EXPLANATIONS = {
    400: ("This request can't be read", "The address or the form has a value that the shop does not accept."),
    403: ("You may not do that", "Sign in with an account that has the right."),
    404: ("There is no such page", "The address may be mistyped, or the page was moved."),
    500: ("Something went wrong", "The error is logged. Try again; if it happens again, send us the number below."),
}


class RawResponse(NamedTuple):
    """The content and headers of a response, for Django and for plain ASGI or WSGI."""

    content: bytes
    headers: dict[str, str]


def raw_response(media_type: str, content: bytes, refusal: DomainError) -> RawResponse:
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", **headers_of(refusal)}
    return RawResponse(content, headers)


def is_page(path: str, accept: str | None) -> bool:
    """Whether a client with this Accept header expects an HTML page at `path`, not a response of an API."""
    if path.startswith("/graphql"):
        return preferred(accept, [JSON, HTML]) == HTML
    if path.startswith(("/api", "/health")) and path != "/api/docs":
        return False
    return preferred(accept, [HTML, JSON]) == HTML


def outage_page(refusal: DomainError) -> str:
    return _page("unavailable.html", refusal)


def outage_response(refusal: DomainError) -> RawResponse:
    """Return the outage page as a response."""
    return _response(outage_page(refusal), refusal)


def error_response(refusal: DomainError) -> RawResponse:
    """Return the page for an error as a response."""
    title, explanation = EXPLANATIONS.get(refusal.status, (CATALOGUE[refusal.code].title, refusal.message))
    if refusal.message != CATALOGUE[refusal.code].title:
        explanation = f"{refusal.message}."
    return _response(_page("error.html", refusal, title=title, explanation=explanation), refusal)


def _page(template: str, refusal: DomainError, **more: str) -> str:
    names = {"store_name": settings.STORE_NAME, "refusal": refusal, "request_id": request_id.get()}
    return render_to_string(template, names | more)


def _response(page: str, refusal: DomainError) -> RawResponse:
    response = raw_response(f"{HTML}; charset=utf-8", page.encode(), refusal)
    response.headers["Content-Security-Policy"] = POLICY
    return response
