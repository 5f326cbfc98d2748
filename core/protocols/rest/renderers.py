"""Renderers of responses: JSON and XML."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

from core.protocols.rest import markup

PROBLEM, PROBLEM_NAMESPACE = "problem", "urn:ietf:rfc:7807"  # RFC 9457, appendix B, keeps the older number

Context = Mapping[str, Any]  # the view, the request and the response


class JSONRenderer(BaseRenderer):
    """JSON by orjson. If a value has no JSON type (a lazy translation, an unconverted Decimal), it becomes text."""

    media_type = "application/json"
    format = "json"
    charset = None  # RFC 8259, section 11: application/json has no charset parameter
    render_style = "binary"

    def render(
        self, data: object, accepted_media_type: str | None = None, renderer_context: Context | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class XMLRenderer(BaseRenderer):
    """XML as `markup` writes it. The root is the name of the resource, `problem`, or else `response`."""

    media_type = "application/xml"
    format = "xml"
    charset = None  # the XML declaration names it
    render_style = "binary"

    def render(
        self, data: object, accepted_media_type: str | None = None, renderer_context: Context | None = None
    ) -> bytes:
        return b"" if data is None else render("xml", root_of(data, (renderer_context or {}).get("view")), data)


RENDERERS = (JSONRenderer, XMLRenderer)


def render(format: str, root: str, data: object) -> bytes:
    """Render a body outside of a view; `root` is the root element of XML."""
    if format == "json":
        return JSONRenderer().render(data)
    return markup.write(root, data, PROBLEM_NAMESPACE if root == PROBLEM else "")


def root_of(data: object, view: object) -> str:
    """Return the name of the root element in XML."""
    if isinstance(data, dict):
        if "detail" in data and "type" in data:
            return PROBLEM
        if "id" in data and hasattr(view, "list_name"):
            return markup.item_name(view.list_name)
    return "response"
