"""The change feed over REST, as an event stream."""

from functools import partial

from rest_framework.request import Request

from core.feed.events import cursor_value
from core.feed.inbox import Match
from core.protocols.clients import caller_in
from core.protocols.live.events import MEDIA_TYPE, EventStream, end_block
from core.protocols.live.feed import Write, feed_pieces
from core.protocols.rest.errors import RefusalResponse, refusal_body
from core.protocols.rest.renderers import Context, JSONRenderer
from core.rest_framework_internals import django_request


class EventStreamRenderer(JSONRenderer):
    """Offers event streams in content negotiation. It renders only refusals and responses to OPTIONS, as JSON."""

    media_type = MEDIA_TYPE
    format = "events"

    def render(
        self, data: object, accepted_media_type: str | None = None, renderer_context: Context | None = None
    ) -> bytes:
        response = (renderer_context or {})["response"]
        is_refusal = isinstance(response, RefusalResponse)  # if not, it is the response to OPTIONS
        response["Content-Type"] = response.media_type("json") if is_refusal else JSONRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


def sent_cursor(request: Request) -> str | None:
    """Return the cursor that the client sent, or None. Raises InvalidInput if it is invalid.

    A browser's EventSource sends the header only when it reconnects. Its first request can have a cursor only in the
    URL.
    """
    cursor = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id")
    if not cursor:
        return None
    cursor_value(cursor)
    return cursor


def event_stream(request: Request, match: Match, write: Write) -> EventStream:
    """Stream the matching events after the client's cursor, or from now on. Raises InvalidInput, RateLimited."""
    body = partial(refusal_body, version=request.version, path=request.path)
    pieces = feed_pieces(match, write, sent_cursor(request), body)
    return EventStream(
        django_request(request), caller_in(request), pieces, closing_message=partial(end_block, body=body)
    )
