"""What the database itself does on every write of a product."""

from ecommerce import triggers
from ecommerce.feed.triggers import feed_trigger

product_version = triggers.register(
    triggers.version_trigger("catalog_product", ("catalog", "0001_initial"), touches_updated_at=True)
)

# An update names the columns that count: on SQLite the version trigger's own update names none of them, and is no
# second event.
_SHOWN = "UPDATE OF name, description, price, stock, sku, created_at"
product_feed = [
    triggers.register(
        feed_trigger(
            f"catalog_product_feed_{kind}",
            "catalog_product",
            ("catalog", "0002_feed"),
            event=event,
            topic="product",
            kind=kind,
            columns={"object_id": f"{row}.id", "price": f"{row}.price", "stock": f"{row}.stock"},
        )
    )
    for kind, event, row in (("created", "INSERT", "NEW"), ("updated", _SHOWN, "NEW"), ("deleted", "DELETE", "OLD"))
]
