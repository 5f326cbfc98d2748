"""Refusals in the client's version and format, if there is no view to render them."""

from collections.abc import Callable

from core.errors import DomainError, Unavailable
from core.protocols.faults import body_of
from core.protocols.graph.errors import graphql_body
from core.protocols.message_pages import RawResponse, is_page, outage_response, raw_response
from core.protocols.rest.errors import refusal_body
from core.protocols.rest.problems import MEDIA_TYPE
from core.protocols.rest.renderers import RENDERERS, render
from core.protocols.rest.versions import V2, VERSIONS, vendor_type, version_named
from core.server.negotiation import TEXT_XML, preferred


def refusal_at(path: str, accept: str | None, refusal: DomainError) -> RawResponse | None:
    """Write a refusal in the form of the API that `path` belongs to; None if it belongs to none."""
    path = f"/{path.lstrip('/')}"  # //graphql is an unknown path, but its clients expect JSON too
    if refusal.code == Unavailable.code and is_page(path, accept):
        return outage_response(refusal)
    if path.startswith("/api"):
        return _of_rest(path, accept, refusal)
    bodies: dict[str, Callable[[], object]] = {
        "/graphql": lambda: graphql_body([refusal]),
        "/health": lambda: body_of(refusal),
    }
    for prefix, body in bodies.items():
        if path.startswith(prefix):
            return raw_response("application/json", render("json", "response", body()), refusal)
    return None


def refusal_of(path: str, accept: str | None, refusal: DomainError) -> RawResponse:
    """Write a refusal in the form of the API that `path` belongs to; if it belongs to none, as REST v1."""
    response = refusal_at(path, accept, refusal)
    return response or raw_response("application/json", render("json", "", body_of(refusal)), refusal)


def _of_rest(path: str, accept: str | None, refusal: DomainError) -> RawResponse:
    version = version_named(path, accept)
    formats = {kind.media_type: kind.format for kind in RENDERERS}
    formats |= {vendor_type(each, kind.format): kind.format for each in VERSIONS for kind in RENDERERS}
    formats[TEXT_XML] = "xml"
    media_type = preferred(accept, list(formats)) or "application/json"
    format = formats[media_type]
    root = "response"
    if version == V2:
        media_type, root = f"{MEDIA_TYPE}+{format}", "problem"
    return raw_response(media_type, render(format, root, refusal_body(refusal, version, path)), refusal)
