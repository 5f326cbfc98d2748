"""Creates each delivery of the change feed exactly once, even if several processes do it or are killed."""

import logging
import secrets
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from core.errors import CursorExpired
from core.feed.events import events_after, newest_seq, number_committed
from core.models import ChangeEvent, Event
from webhooks.models import Delivery, Endpoint, Position
from webhooks.payloads import payloads_of

log = logging.getLogger(__name__)

POSITION = 1  # the row's id


def new_message_id() -> str:
    return f"msg_{secrets.token_urlsafe(20)}"


def position_reached() -> int | None:
    """Return the position up to which events have their deliveries; None if no endpoint is active."""
    starts_after = _starts_after()
    made = Position.objects.filter(pk=POSITION).values_list("seq", flat=True).first()
    return None if starts_after is None else max(made or 0, starts_after)


def _starts_after() -> int | None:
    first: int | None = Endpoint.objects.active().aggregate(first=Min("starts_after"))["first"]
    return first


class Planner:
    """Creates the deliveries of new events. Remembers its position, to open a transaction only for new events."""

    def __init__(self) -> None:
        self._known = -1

    def plan(self) -> int | None:
        """Create the deliveries of the next events; return the number of events, or None if no endpoint is active.

        One transaction creates the deliveries and moves the position past their events.
        """
        starts_after = _starts_after()
        if starts_after is None:
            return None
        number_committed()
        if newest_seq() == max(self._known, starts_after):
            return 0
        with transaction.atomic():
            return self._move(starts_after)

    def _move(self, starts_after: int) -> int:
        Position.objects.get_or_create(pk=POSITION)
        position = Position.objects.select_for_update().get(pk=POSITION)
        events = self._next_events(position, starts_after)
        if events:
            # Read the endpoints after the events, so that every endpoint created before an event receives it.
            Delivery.objects.bulk_create(_deliveries(events, list(Endpoint.objects.active())))
            position.seq = events[-1].seq
            position.save(update_fields=["seq"])
        self._known = position.seq
        return len(events)

    def _next_events(self, position: Position, starts_after: int) -> list[Event]:
        newest = newest_seq()  # again: another process may have moved the position while this one waited for its lock
        if newest < max(position.seq, starts_after):
            _restart(position, newest)
            starts_after = min(newest, starts_after)
        try:
            return events_after(max(position.seq, starts_after))
        except CursorExpired:
            oldest = ChangeEvent.objects.aggregate(seq=Min("seq"))["seq"]
            log.error("Webhooks: events %s to %s were deleted before they were sent", position.seq + 1, oldest - 1)
            return events_after(oldest - 1)


def _deliveries(events: Sequence[Event], endpoints: Sequence[Endpoint]) -> list[Delivery]:
    now, payloads = timezone.now(), payloads_of(events)
    return [
        Delivery(
            endpoint=endpoint,
            seq=event.seq,
            message_id=new_message_id(),
            topic=event.topic,
            kind=event.kind,
            object_id=event.object_id,
            payload=payloads[event.seq],
            next_attempt_at=now,
            created_at=now,
        )
        for event in events
        for endpoint in endpoints
        if event.seq > endpoint.starts_after and f"{event.topic}.{event.kind}" in endpoint.event_types
    ]


def _restart(position: Position, newest: int) -> None:
    """Continue from `newest`, because the feed was emptied manually. New events reuse the positions after it."""
    log.error("Webhooks: the change feed ends at %s, before events already sent; continuing from its end", newest)
    Delivery.objects.filter(seq__gt=newest).update(seq=None)
    Endpoint.objects.filter(starts_after__gt=newest).update(starts_after=newest)
    position.seq = newest
    position.save(update_fields=["seq"])
