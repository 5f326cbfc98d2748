"""Writing answers."""

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

from ecommerce.rest import markup

PROBLEM, PROBLEM_NAMESPACE = "problem", "urn:ietf:rfc:7807"  # RFC 9457, appendix B, keeps the older number


class JSONRenderer(BaseRenderer):
    """JSON by orjson. What is no JSON type (a lazy translation, a Decimal nobody converted) is written as its text."""

    media_type = "application/json"
    format = "json"
    charset = None  # RFC 8259, section 11: application/json has no charset parameter
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class XMLRenderer(BaseRenderer):
    """XML as `markup` writes it. The root is named for the resource, `problem`, or `response` for anything else."""

    media_type = "application/xml"
    format = "xml"
    charset = None  # the document says it itself
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else render("xml", root_of(data, (renderer_context or {}).get("view")), data)


RENDERERS = (JSONRenderer, XMLRenderer)


def render(format: str, root: str, data: Any) -> bytes:
    """Write an answer outside of a view; `root` is for XML."""
    if format == "json":
        return JSONRenderer().render(data)
    return markup.write(root, data, PROBLEM_NAMESPACE if root == PROBLEM else "")


def root_of(data: Any, view: Any) -> str:
    """Return the name of an answer's root in XML."""
    if isinstance(data, dict):
        if "detail" in data and "type" in data:
            return PROBLEM
        if "id" in data and hasattr(view, "list_name"):
            return markup.item_name(view.list_name)
    return "response"
