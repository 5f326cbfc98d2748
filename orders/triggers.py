"""What the database itself does on every write of an order, and to orders when a product goes."""

from ecommerce import triggers

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
