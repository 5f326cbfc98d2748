"""Events of products, as every live protocol sends them."""

from typing import Any

from core.models import Event


def is_of(product_id: int, event: Event) -> bool:
    """Whether an event is about this product; 0 means every product."""
    return event.topic == "product" and product_id in (0, event.object_id)


def product_facts(event: Event) -> dict[str, Any]:
    """Return the fields of a product event. A deleted product has its last price and stock.

    `timestamp` is Unix seconds.
    """
    return {
        "product_id": event.object_id,
        "new_price": None if event.price is None else float(event.price),
        "new_stock": event.stock,
        "timestamp": int(event.at.timestamp()),
        "kind": event.kind,
    }
