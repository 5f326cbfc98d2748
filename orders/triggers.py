"""Database triggers for every write of an order, and for lines of orders if a product is deleted."""

from core import triggers
from core.feed.triggers import feed_trigger
from core.history.triggers import MONEY, TEXT, History
from core.lists.row_counts import count_triggers

order_version = triggers.register_trigger(
    triggers.version_trigger("orders_order", ("orders", "0001_initial"), touches_updated_at=False)
)


def _forgetting(migration: str, assignments: str) -> triggers.Trigger:
    """Return the trigger that unlinks order lines from a product on every deletion, manual SQL included."""
    forget = f"UPDATE orders_orderitem SET {assignments} WHERE product_id = OLD.id;"
    return triggers.Trigger(
        name="orders_forget_product",
        table="catalog_product",
        migration=("orders", migration),
        sqlite=f"CREATE TRIGGER orders_forget_product BEFORE DELETE ON catalog_product BEGIN {forget} END",
        postgresql=("BEFORE DELETE", f"{forget} RETURN OLD;"),
    )


# As the first migration installs it; the column that keeps the product's id does not exist yet.
first_forget_product = _forgetting("0001_initial", "product_id = NULL")
forget_product = triggers.register_trigger(
    _forgetting("0004_former_product", "former_product_id = product_id, product_id = NULL")
)

order_feed = [
    triggers.register_trigger(
        feed_trigger(
            f"orders_order_feed_{kind}",
            "orders_order",
            ("orders", "0003_feed"),
            event=event,
            topic="order",
            kind=kind,
            columns={"object_id": "id", "user_id": "user_id", "status": "status"},
            condition=condition,
        )
    )
    for kind, event, condition in (("placed", "INSERT", ""), ("moved", "UPDATE", "NEW.status <> OLD.status"))
]

row_count = count_triggers("orders_order", ("orders", "0005_row_count"))

order_history = History(
    "orders_order",
    "orders_orderhistory",
    "order_id",
    columns={
        "number": TEXT,
        "user_id": TEXT,
        "status": TEXT,
        "total": MONEY,
        "carrier": TEXT,
        "tracking_number": TEXT,
    },
    new_rows_by="number",
)
history = order_history.triggers(("orders", "0011_triggers_of_inserts"))
