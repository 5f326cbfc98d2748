"""Events of orders, as every live protocol sends them."""

from core.actors import Actor
from core.models import Event
from core.permissions import is_staff


def is_for(user: Actor, order_id: int, event: Event) -> bool:
    """Return whether an event is of this order (0: of any order) and `user` may see it.

    The rule is that of `Order.objects.visible_to`.
    """
    if event.topic != "order" or order_id not in (0, event.object_id):
        return False
    return is_staff(user) or (event.user_id is not None and event.user_id == user.pk)


def order_facts(event: Event) -> dict[str, object]:
    """Return the fields of an order's event. Its only personal data is the user's id. `timestamp` is Unix seconds."""
    return {
        "order_id": event.object_id,
        "user_id": event.user_id,
        "status": event.status,
        "timestamp": int(event.at.timestamp()),
        "kind": event.kind,
    }
