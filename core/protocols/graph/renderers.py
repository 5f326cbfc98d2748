"""Renderers of the responses of /graphql."""

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.protocols.graph.live.streams import last_blocks
from core.protocols.live.events import MEDIA_TYPE


class GraphQLResponseRenderer(BaseRenderer):
    media_type = "application/graphql-response+json"
    format = "graphql"
    charset = "utf-8"

    def render(self, data: object, accepted_media_type: str | None = None, renderer_context: object = None) -> bytes:
        return orjson.dumps(data, default=str)


class LegacyRenderer(GraphQLResponseRenderer):
    """The media type that the specification calls legacy."""

    media_type = "application/json"
    format = "json"


class EventsRenderer(GraphQLResponseRenderer):
    """Renders one result as an event stream of graphql-sse, which ends after it."""

    media_type = MEDIA_TYPE
    format = "events"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return last_blocks(data)


class PageRenderer(GraphQLResponseRenderer):
    """Offers GraphiQL in content negotiation."""

    media_type = "text/html"
    format = "html"


def accepts_events(request: Request) -> bool:
    """Whether Accept names event streams, at any position. `*/*` is not enough: such a client may expect JSON."""
    accepted = request.headers.get("Accept", "").split(",")
    return any(media_range.partition(";")[0].strip().lower() == MEDIA_TYPE for media_range in accepted)
