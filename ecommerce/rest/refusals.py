"""Refusals in the client's own version and format where there is no view to write them."""

from typing import NamedTuple

from ecommerce.errors import DomainError
from ecommerce.graph.errors import body_of as graphql_body_of
from ecommerce.rest.errors import body_of, headers_of, written
from ecommerce.rest.problems import MEDIA_TYPE
from ecommerce.rest.renderers import RENDERERS, render
from ecommerce.rest.versions import V2, VERSIONS, preferred, vendor_type, version_named


class Told(NamedTuple):
    """An answer outside of Django and DRF."""

    content: bytes
    headers: dict[str, str]


def refusal_at(path: str, accept: str | None, refusal: DomainError) -> Told | None:
    """Write a refusal as the API does that `path` belongs to; None for a page of another kind."""
    if path.startswith("/api"):
        return _of_rest(path, accept, refusal)
    bodies = {"/graphql": lambda: graphql_body_of([refusal]), "/health": lambda: body_of(refusal)}
    for prefix, body in bodies.items():
        if path.startswith(prefix):
            return _told("application/json", render("json", "response", body()), refusal)
    return None


def refusal_of(path: str, accept: str | None, refusal: DomainError) -> Told:
    """Write a refusal as the API does that `path` belongs to, or else as v1 of REST."""
    return refusal_at(path, accept, refusal) or _told("application/json", render("json", "", body_of(refusal)), refusal)


def _of_rest(path: str, accept: str | None, refusal: DomainError) -> Told:
    version = version_named(path, accept)
    formats = {kind.media_type: kind.format for kind in RENDERERS}
    formats |= {vendor_type(each, kind.format): kind.format for each in VERSIONS for kind in RENDERERS}
    media_type = preferred(accept, list(formats)) or "application/json"
    format = formats[media_type]
    root = "response"
    if version == V2:
        media_type, root = f"{MEDIA_TYPE}+{format}", "problem"
    return _told(media_type, render(format, root, written(refusal, version, path)), refusal)


def _told(media_type: str, content: bytes, refusal: DomainError) -> Told:
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", **headers_of(refusal)}
    return Told(content, headers)
