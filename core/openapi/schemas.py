"""Parts of the OpenAPI documents: schemas of refusals, response headers, and the XML form of schemas."""

from collections.abc import Iterable
from typing import Any

from core.errors import CATALOGUE
from core.protocols.rest.markup import item_name
from core.protocols.rest.renderers import PROBLEM_NAMESPACE

_FACTS: dict[str, object] = {
    "code": {"type": "string", "enum": list(CATALOGUE), "description": "Error code for programs."},
    "request_id": {"type": "string", "description": "Identifies this request in the server's log."},
    "errors": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": 'One text for each invalid field; in XML, each is `<error field="...">`.',
    },
    "details": {"type": "object", "description": "Values for programs, such as the remaining stock."},
    "retry_after": {"type": "integer", "description": "Seconds to wait before a retry, as in the header Retry-After."},
}
ERROR: dict[str, object] = {
    "type": "object",
    "required": ["error", "code", "request_id"],
    "properties": {"error": {"type": "string", "description": "Error message for people."}, **_FACTS},
    "xml": {"name": "response"},
}
PROBLEM: dict[str, object] = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Link to a description of the code."},
        "title": {"type": "string", "description": "Error message, the same for every problem of this type."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "Error message for this request."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The requested path."},
        **_FACTS,
    },
    "xml": {"name": "problem", "namespace": PROBLEM_NAMESPACE},
}

_WHEN_COUNTED = "Missing if no budget is counted, or if a shared cache may store the response."
_HEADERS = {
    "Accept": "The accepted media types of a body, if its media type was refused.",
    "Accept-Encoding": "`identity`, if a body with a content coding was refused.",
    "ETag": "Identifies this version of the response, for If-Match and If-None-Match.",
    "Last-Modified": "HTTP date since which the product is unchanged: the second after its last change.",
    "Link": '`<URL>; rel="next"`: the next page. Missing on the last page.',
    "Location": "URL of the created object.",
    "RateLimit": f'Remaining requests of each budget, `r` for `t` seconds: `"default";r=599;t=45`. {_WHEN_COUNTED}',
    "RateLimit-Policy": f'Size of each budget, `q` requests in `w` seconds: `"default";q=600;w=60`. {_WHEN_COUNTED}',
    "X-Request-ID": "Identifies this request in the server's log: the client's own value, if it is well formed.",
}
HEADERS: dict[str, object] = {
    **{name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
}


def headers_named(names: Iterable[str]) -> dict[str, object]:
    """Return references to headers in the components of a document."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def as_xml(schema: Any) -> Any:
    """Describe each list in a schema as a wrapped XML element, with the element name of its items."""
    if isinstance(schema, list):
        return [as_xml(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: as_xml(inner) for name, inner in schema.items()}
    for name, inner in (found.get("properties") or {}).items():
        if isinstance(inner, dict) and inner.get("type") == "array":
            inner |= {"xml": {"wrapped": True}, "items": inner["items"] | {"xml": {"name": item_name(name)}}}
    return found
