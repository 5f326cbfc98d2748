"""What is sent: the facts that other live protocols tell, in an envelope by the Standard Webhooks specification."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from catalog.feed import facts_of as product_facts
from ecommerce.feed.events import Event
from orders.feed import facts_of as order_facts
from orders.models import Order


def payloads_of(events: Sequence[Event]) -> dict[int, str]:
    """Return the JSON of each event, by its place in the feed. One statement, where one is about an order."""
    order_ids = {event.object_id for event in events if event.topic == "order"}
    numbers = dict(Order.objects.filter(pk__in=order_ids).values_list("pk", "number")) if order_ids else {}
    return {event.seq: _payload(event, numbers) for event in events}


def payload_of_test(cursor: int, at: datetime) -> str:
    return _envelope("webhook.test", at, str(cursor), {"message": "A test, sent by hand."})


def _payload(event: Event, numbers: dict[int, str]) -> str:
    if event.topic == "product":
        facts = product_facts(event)
    else:
        facts = order_facts(event) | {"number": numbers.get(event.object_id)}
    return _envelope(f"{event.topic}.{event.kind}", event.at, event.cursor, facts)


def _envelope(event_type: str, at: datetime, cursor: str, facts: dict[str, Any]) -> str:
    moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event_type, "timestamp": moment, "cursor": cursor, "data": facts}, separators=(",", ":"))
