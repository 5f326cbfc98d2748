"""A product's event, as every live protocol tells it."""

from typing import Any

from ecommerce.feed.events import Event


def is_of(product_id: int, event: Event) -> bool:
    """Whether an event is of this product; 0 stands for every product."""
    return event.topic == "product" and product_id in (0, event.object_id)


def facts_of(event: Event) -> dict[str, Any]:
    """Say what became of a product; of a deleted one, its last price and stock. `timestamp` is Unix seconds."""
    return {
        "product_id": event.object_id,
        "new_price": None if event.price is None else float(event.price),
        "new_stock": event.stock,
        "timestamp": int(event.at.timestamp()),
        "kind": event.kind,
    }
