"""Schemas of refusals, and what OpenAPI needs to know of XML."""

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
