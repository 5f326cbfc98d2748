"""Payloads: the fields that the other live protocols send, in the envelope of the Standard Webhooks specification."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from catalog.feed import product_facts
from core.models import Event
from orders.feed import order_facts
from orders.models import Order


def payloads_of(events: Sequence[Event]) -> dict[int, str]:
    """Return the JSON of each event, by its position in the feed. One statement if any event is about an order."""
    order_ids = {event.object_id for event in events if event.topic == "order"}
    numbers = dict(Order.objects.filter(pk__in=order_ids).values_list("pk", "number")) if order_ids else {}
    return {event.seq: _payload(event, numbers) for event in events}


def payload_of_test(cursor: int, at: datetime) -> str:
    return _envelope("webhook.test", at, str(cursor), {"message": "Test message, sent manually."})


def _payload(event: Event, numbers: dict[int, str]) -> str:
    if event.topic == "product":
        facts = product_facts(event)
    else:
        facts = order_facts(event) | {"number": numbers.get(event.object_id)}
    return _envelope(f"{event.topic}.{event.kind}", event.at, event.cursor, facts)


def _envelope(event_type: str, at: datetime, cursor: str, facts: dict[str, object]) -> str:
    moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event_type, "timestamp": moment, "cursor": cursor, "data": facts}, separators=(",", ":"))
