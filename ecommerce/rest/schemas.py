"""Schemas of refusals, the headers of answers, and what OpenAPI needs to know of XML."""

from collections.abc import Iterable
from typing import Any

from ecommerce.errors import CATALOGUE
from ecommerce.rest.markup import item_name
from ecommerce.rest.renderers import PROBLEM_NAMESPACE

_FACTS: dict[str, Any] = {
    "code": {"type": "string", "enum": list(CATALOGUE), "description": "What is wrong, for a program."},
    "request_id": {"type": "string", "description": "Names this request in the server's log."},
    "errors": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": 'One text for each field that failed; in XML each is `<error field="...">`.',
    },
    "details": {"type": "object", "description": "Figures for a program, such as the units left."},
    "retry_after": {"type": "integer", "description": "Seconds, as in the header Retry-After."},
}
ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "code", "request_id"],
    "properties": {"error": {"type": "string", "description": "What is wrong, in words."}, **_FACTS},
    "xml": {"name": "response"},
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Leads to what the code stands for."},
        "title": {"type": "string", "description": "What is wrong, the same for every problem of this type."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong here, in words."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The path that was asked for."},
        **_FACTS,
    },
    "xml": {"name": "problem", "namespace": PROBLEM_NAMESPACE},
}

_WHEN_COUNTED = "Not where no budget is counted, nor with an answer that a shared cache may keep."
_HEADERS = {
    "ETag": "Names what is answered, for If-Match and If-None-Match.",
    "Last-Modified": "When the product changed last, an HTTP date.",
    "Link": '`<URL>; rel="next"`, the next page; not on the last one.',
    "Location": "The URL of what was made.",
    "RateLimit": f'What is left of each budget, `r` requests for `t` seconds: `"default";r=599;t=45`. {_WHEN_COUNTED}',
    "RateLimit-Policy": f'What each budget is, `q` requests in `w` seconds: `"default";q=600;w=60`. {_WHEN_COUNTED}',
    "X-Request-ID": "Names this request in the server's log: the one sent with it, where that is well formed.",
}
HEADERS: dict[str, Any] = {
    **{name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
}


def headers_named(names: Iterable[str]) -> dict[str, Any]:
    """Refer to headers among the components of a document."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}


def as_xml(schema: Any) -> Any:
    """Say of each list in a schema that an element wraps it, and what its items are called there."""
    if isinstance(schema, list):
        return [as_xml(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: as_xml(inner) for name, inner in schema.items()}
    for name, inner in (found.get("properties") or {}).items():
        if isinstance(inner, dict) and inner.get("type") == "array":
            inner |= {"xml": {"wrapped": True}, "items": inner["items"] | {"xml": {"name": item_name(name)}}}
    return found
