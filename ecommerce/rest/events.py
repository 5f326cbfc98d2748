"""The change feed over REST: a view says what is followed, and the event stream goes on from there."""

from functools import partial
from typing import Any

from rest_framework.request import Request

from ecommerce.callers import Caller
from ecommerce.feed.events import cursor_value
from ecommerce.feed.hub import Match
from ecommerce.live.events import MEDIA_TYPE, EventStream, error_block
from ecommerce.live.feed import Write, feed_source
from ecommerce.rest.errors import Refused, written
from ecommerce.rest.renderers import JSONRenderer
from ecommerce.rest.views import address_of


class EventStreamRenderer(JSONRenderer):
    """Stands for an event stream in the choice of what to answer with. What it renders is a refusal, as JSON."""

    media_type = MEDIA_TYPE
    format = "events"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        response = renderer_context["response"]
        is_refusal = isinstance(response, Refused)  # or what OPTIONS is answered
        response["Content-Type"] = response.media_type("json") if is_refusal else JSONRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


def cursor_of(request: Request) -> str | None:
    """Return the cursor that the client has; None for one that begins. Raises InvalidInput.

    A browser's EventSource can send the header only when it comes back: at first it has the URL alone.
    """
    cursor = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id")
    if not cursor:
        return None
    cursor_value(cursor)
    return cursor


def event_stream(request: Request, match: Match, write: Write) -> EventStream:
    """Answer with what matches, from the client's cursor on, or from now. Raises InvalidInput, RateLimited."""
    caller = Caller(request.user, address_of(request), request.auth)
    body = partial(written, version=request.version, path=request.path)
    source = feed_source(match, write, cursor_of(request), body)
    return EventStream(request._request, caller, source, last_words=partial(error_block, body=body))
