"""Triggers that mark the days whose figures changed, also by manual SQL.

Placing an order writes no mark, because the current day is never summarised. Marks are only inserted, so writers wait
neither for each other nor for a summary.
"""

from core.triggers import Trigger, register_trigger

MIGRATION = ("reports", "0001_initial")
# Changes of orders younger than this write no mark: their day is summarised 24 hours after they were placed at the
# earliest, so the transaction has at least 12 hours to commit.
SQLITE_LIMIT = "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW', '-12 hours')"
POSTGRESQL_LIMIT = "clock_timestamp() - interval '12 hours'"
NO_SALE = "('cancelled', 'refunded')"
_FIGURES_CHANGE = (
    "(NEW.created_at <> OLD.created_at OR NEW.total <> OLD.total OR "
    f"(NEW.status <> OLD.status AND (NEW.status IN {NO_SALE} OR OLD.status IN {NO_SALE})))"
)


def _order_trigger(event: str, images: tuple[str, ...], condition: str = "") -> Trigger:
    name = f"reports_order_{event.lower()}"
    when = f"WHEN {condition} " if condition else ""
    marks = [f"INSERT INTO reports_changedsale (at) SELECT {image}.created_at" for image in images]
    sqlite = " ".join(
        f"{mark} WHERE {image}.created_at < {SQLITE_LIMIT};" for mark, image in zip(marks, images, strict=True)
    )
    postgresql = " ".join(
        f"IF {condition + ' AND ' if condition else ''}{image}.created_at < {POSTGRESQL_LIMIT} THEN {mark}; END IF;"
        for mark, image in zip(marks, images, strict=True)
    )
    return Trigger(
        name,
        "orders_order",
        MIGRATION,
        sqlite=f"CREATE TRIGGER {name} AFTER {event} ON orders_order FOR EACH ROW {when}BEGIN {sqlite} END",
        postgresql=(f"AFTER {event}", f"{postgresql} RETURN NULL;"),
    )


_MARK_LINES = "INSERT INTO reports_changedsale (at) SELECT DISTINCT created_at FROM orders_order WHERE id"
_PRODUCT = "COALESCE({0}product_id, {0}former_product_id)"
_LINES_CHANGE = (
    "NEW.order_id <> OLD.order_id OR NEW.quantity <> OLD.quantity OR NEW.line_total <> OLD.line_total OR "
    f"{_PRODUCT.format('NEW.')} IS NOT {_PRODUCT.format('OLD.')}"
)
_LINE = f"SELECT order_id, {_PRODUCT.format('')}, quantity, line_total FROM"
# The orders of the lines that differ before and after a statement. Deleting a product changes no line in this sense.
_BEFORE, _AFTER = f"{_LINE} before_rows", f"{_LINE} after_rows"
_CHANGED_LINES = f"(({_BEFORE} EXCEPT ALL {_AFTER}) UNION ALL ({_AFTER} EXCEPT ALL {_BEFORE}))"


def _line_trigger(event: str, tables: dict[str, str], changed: str, condition: str = "") -> Trigger:
    """Return the trigger of lines. `tables` names the rows before and after; `changed` is the source of order ids."""
    name = f"reports_line_{event.lower()}"
    when = f"WHEN {condition} " if condition else ""
    sqlite = " ".join(f"{_MARK_LINES} = {image}.order_id AND created_at < {SQLITE_LIMIT};" for image in tables)
    source = f"SELECT order_id FROM {changed} AS changed"
    return Trigger(
        name,
        "orders_orderitem",
        MIGRATION,
        sqlite=f"CREATE TRIGGER {name} AFTER {event} ON orders_orderitem FOR EACH ROW {when}BEGIN {sqlite} END",
        postgresql=(
            f"AFTER {event}",
            f"{_MARK_LINES} IN ({source}) AND created_at < {POSTGRESQL_LIMIT}; RETURN NULL;",
        ),
        transition="REFERENCING " + " ".join(f"{image} TABLE AS {table}" for image, table in tables.items()),
    )


_DELETE_SUMMARIES = "DELETE FROM reports_salesday; DELETE FROM reports_productsales; RETURN NULL;"

changed_sales = [
    register_trigger(trigger)
    for trigger in (
        _order_trigger("INSERT", ("NEW",)),
        _order_trigger("UPDATE", ("OLD", "NEW"), _FIGURES_CHANGE),
        _order_trigger("DELETE", ("OLD",)),
        _line_trigger("INSERT", {"NEW": "after_rows"}, "after_rows"),
        _line_trigger("UPDATE", {"OLD": "before_rows", "NEW": "after_rows"}, _CHANGED_LINES, _LINES_CHANGE),
        _line_trigger("DELETE", {"OLD": "before_rows"}, "before_rows"),
        Trigger("reports_order_truncate", "orders_order", MIGRATION, "", ("AFTER TRUNCATE", _DELETE_SUMMARIES)),
        Trigger("reports_line_truncate", "orders_orderitem", MIGRATION, "", ("AFTER TRUNCATE", _DELETE_SUMMARIES)),
    )
]
