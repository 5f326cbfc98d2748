"""Writing answers."""

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer


class JSONRenderer(BaseRenderer):
    """JSON by orjson. What is no JSON type (a lazy translation, a Decimal nobody converted) is written as its text."""

    media_type = "application/json"
    format = "json"
    charset = None  # RFC 8259, section 11: application/json has no charset parameter
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
