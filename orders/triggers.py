"""What the database itself does on every write of an order, and to orders when a product goes."""

from ecommerce import triggers
from ecommerce.feed.triggers import feed_trigger

order_version = triggers.register(
    triggers.version_trigger("orders_order", ("orders", "0001_initial"), touches_updated_at=False)
)

# Django forgets the product of old lines by itself; this does it for a DELETE by hand, and for an order that was
# placed between Django's two statements.
_forget = "UPDATE orders_orderitem SET product_id = NULL WHERE product_id = OLD.id;"
forget_product = triggers.register(
    triggers.Trigger(
        name="orders_forget_product",
        table="catalog_product",
        migration=("orders", "0001_initial"),
        sqlite=f"CREATE TRIGGER orders_forget_product BEFORE DELETE ON catalog_product BEGIN {_forget} END",
        postgresql=("BEFORE DELETE", f"{_forget} RETURN OLD;"),
    )
)

order_feed = [
    triggers.register(
        feed_trigger(
            f"orders_order_feed_{kind}",
            "orders_order",
            ("orders", "0003_feed"),
            event=event,
            topic="order",
            kind=kind,
            columns={"object_id": "NEW.id", "user_id": "NEW.user_id", "status": "NEW.status"},
            condition=condition,
        )
    )
    for kind, event, condition in (("placed", "INSERT", ""), ("moved", "UPDATE", "NEW.status <> OLD.status"))
]
