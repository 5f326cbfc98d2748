"""What /graphql answers with."""

from typing import Any

import orjson
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from ecommerce.graph.streams import last_blocks
from ecommerce.live.events import MEDIA_TYPE
from ecommerce.rest.versions import preferred


class GraphQLResponseRenderer(BaseRenderer):
    media_type = "application/graphql-response+json"
    format = "graphql"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return orjson.dumps(data, default=str)


class LegacyRenderer(GraphQLResponseRenderer):
    media_type = "application/json"
    format = "json"


class EventsRenderer(GraphQLResponseRenderer):
    """One result as graphql-sse has it, an event stream that is over at once."""

    media_type = MEDIA_TYPE
    format = "events"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return last_blocks(data)


class PageRenderer(GraphQLResponseRenderer):
    """Stands for GraphiQL in the choice of what to answer with."""

    media_type = "text/html"
    format = "html"


class Negotiation(DefaultContentNegotiation):
    """By the weights of the Accept header, which DRF passes over: clients ask for both kinds of JSON, in an order."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        renderers_by_type = {renderer.media_type: renderer for renderer in renderers}
        chosen = preferred(request.headers.get("Accept"), list(renderers_by_type))
        if chosen is None:
            raise NotAcceptable()
        return renderers_by_type[chosen], chosen


def takes_events(request: Request) -> bool:
    """Whether the client asks for an event stream by name, first or not: who takes anything can't read one."""
    return any(str(media_type).split(";")[0] == MEDIA_TYPE for media_type in request._request.accepted_types)
