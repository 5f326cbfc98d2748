"""What the database itself does on every write of a product."""

from ecommerce import triggers
from ecommerce.feed.triggers import feed_trigger, truncate_feed_trigger

product_version = triggers.register(
    triggers.version_trigger("catalog_product", ("catalog", "0001_initial"), touches_updated_at=True)
)

_FEED_MIGRATION = ("catalog", "0002_feed")
_feed_of_rows = [
    feed_trigger(
        f"catalog_product_feed_{name}",
        "catalog_product",
        _FEED_MIGRATION,
        event=event,
        topic="product",
        kind=kind,
        columns={"object_id": f"{row}.id", "price": f"{row}.price", "stock": f"{row}.stock"},
        condition=condition,
    )
    for name, event, kind, row, condition in (
        ("created", "INSERT", "created", "NEW", ""),
        ("renumbered", "UPDATE", "deleted", "OLD", "NEW.id <> OLD.id"),
        ("updated", "UPDATE", "updated", "NEW", ""),
        ("deleted", "DELETE", "deleted", "OLD", ""),
    )
]
_feed_of_all = truncate_feed_trigger(
    "catalog_product_feed_truncated",
    "catalog_product",
    _FEED_MIGRATION,
    topic="product",
    kind="deleted",
    columns={"object_id": "id", "price": "price", "stock": "stock"},
)
product_feed = [triggers.register(trigger) for trigger in (*_feed_of_rows, _feed_of_all)]
