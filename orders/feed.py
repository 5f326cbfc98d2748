"""An order's event, as every live protocol tells it."""

from typing import Any

from ecommerce.feed.events import Event
from ecommerce.permissions import is_staff


def is_for(user: Any, order_id: int, event: Event) -> bool:
    """Whether an event is of this order, or with 0 of any, and `user` may see it: as `Order.objects.visible_to`."""
    if event.topic != "order" or order_id not in (0, event.object_id):
        return False
    return is_staff(user) or (event.user_id is not None and event.user_id == user.pk)


def facts_of(event: Event) -> dict[str, Any]:
    """Say what became of an order, and whose it is: ids, and nothing else of a person. `timestamp` is Unix seconds."""
    return {
        "order_id": event.object_id,
        "user_id": event.user_id,
        "status": event.status,
        "timestamp": int(event.at.timestamp()),
        "kind": event.kind,
    }
