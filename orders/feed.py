"""An order's event, as every live protocol tells it."""

from typing import Any

from ecommerce.feed.events import Event


def facts_of(event: Event) -> dict[str, Any]:
    """Say what became of an order, and whose it is: ids, and nothing else of a person. `timestamp` is Unix seconds."""
    return {
        "order_id": event.object_id,
        "user_id": event.user_id,
        "status": event.status,
        "timestamp": int(event.at.timestamp()),
        "kind": event.kind,
    }
