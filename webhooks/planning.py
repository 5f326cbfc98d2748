"""From the change feed to deliveries: none missed and none made twice, however many processes do it, or are killed."""

import logging
import secrets
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from ecommerce.errors import CursorExpired
from ecommerce.feed.events import Event, events_after, newest_seq, number_committed
from ecommerce.models import ChangeEvent
from webhooks.models import Delivery, Endpoint, Position
from webhooks.payloads import payloads_of

log = logging.getLogger(__name__)

POSITION = 1  # the row's id


def new_message_id() -> str:
    return f"msg_{secrets.token_urlsafe(20)}"


def place_reached() -> int | None:
    """Return the place after the last event that deliveries were made of; None while nobody is to be told of any."""
    starts_after = _starts_after()
    made = Position.objects.filter(pk=POSITION).values_list("seq", flat=True).first()
    return None if starts_after is None else max(made or 0, starts_after)


def _starts_after() -> int | None:
    first: int | None = Endpoint.objects.active().aggregate(first=Min("starts_after"))["first"]
    return first


class Planner:
    """Makes the deliveries of new events; remembers how far it came, to open no transaction for nothing."""

    def __init__(self) -> None:
        self._known = -1

    def plan(self) -> int | None:
        """Make the deliveries of the next events; return how many events, None while nobody is to be told of any.

        Deliveries are made in the transaction that moves the position past their events.
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
            # The endpoints are read after the events: who was there before an event is told of it.
            Delivery.objects.bulk_create(_deliveries(events, list(Endpoint.objects.active())))
            position.seq = events[-1].seq
            position.save(update_fields=["seq"])
        self._known = position.seq
        return len(events)

    def _next_events(self, position: Position, starts_after: int) -> list[Event]:
        newest = newest_seq()  # once more: another process may have moved the position while this one waited for it
        if newest < max(position.seq, starts_after):
            _begin_anew(position, newest)
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


def _begin_anew(position: Position, newest: int) -> None:
    """Go on from `newest`, and free the places after it, where the feed itself was emptied by hand."""
    log.error("Webhooks: the change feed ends at %s, before what was sent, and is followed anew", newest)
    Delivery.objects.filter(seq__gt=newest).update(seq=None)
    Endpoint.objects.filter(starts_after__gt=newest).update(starts_after=newest)
    position.seq = newest
    position.save(update_fields=["seq"])
