"""Database triggers that run on every write of a product."""

from core import triggers
from core.feed.triggers import feed_trigger, truncate_feed_trigger
from core.history.triggers import MONEY, TEXT, History
from core.lists.row_counts import count_triggers
from core.text.search import FUNCTION

# The version trigger of the first migrations, before the column name_folded exists.
first_product_version = triggers.version_trigger(
    "catalog_product", ("catalog", "0001_initial"), touches_updated_at=True
)
_FOLDING_MIGRATION = ("catalog", "0003_name_folded")
_IS_ASCII = "LENGTH(NEW.name) = LENGTH(CAST(NEW.name AS BLOB))"
product_version = triggers.register_trigger(
    triggers.version_trigger(
        "catalog_product",
        _FOLDING_MIGRATION,
        touches_updated_at=True,
        # SQLite triggers fold only ASCII. For other new names, name_folded is null unless the statement sets it.
        sqlite_also=f"name_folded = CASE WHEN {_IS_ASCII} THEN LOWER(NEW.name) "
        "WHEN NEW.name IS OLD.name OR NEW.name_folded IS NOT OLD.name_folded THEN NEW.name_folded END",
        postgresql_also="IF NEW.name IS DISTINCT FROM OLD.name OR NEW.name_folded IS DISTINCT FROM OLD.name_folded "
        f"THEN NEW.name_folded := {FUNCTION}(NEW.name); END IF; ",
    )
)
product_folded = triggers.register_trigger(
    triggers.Trigger(
        name="catalog_product_folded",
        table="catalog_product",
        migration=_FOLDING_MIGRATION,
        sqlite=(
            "CREATE TRIGGER catalog_product_folded AFTER INSERT ON catalog_product FOR EACH ROW "
            f"WHEN {_IS_ASCII} AND NEW.name_folded IS NOT LOWER(NEW.name) "
            f"BEGIN UPDATE catalog_product SET version = {triggers.RISING} WHERE id = NEW.id; "
            "UPDATE catalog_product SET version = NEW.version, name_folded = LOWER(NEW.name) WHERE id = NEW.id; END"
        ),
        postgresql=("BEFORE INSERT", f"NEW.name_folded := {FUNCTION}(NEW.name); RETURN NEW;"),
    )
)

_FEED_MIGRATION = ("catalog", "0002_feed")
_FEED_COLUMNS = {"object_id": "id", "price": "price", "stock": "stock"}
_feed_of_rows = [
    feed_trigger(
        f"catalog_product_feed_{name}",
        "catalog_product",
        _FEED_MIGRATION,
        event=event,
        topic="product",
        kind=kind,
        columns=_FEED_COLUMNS,
        image=image,
        condition=condition,
        of="id" if condition else "",
    )
    for name, event, kind, image, condition in (
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
    columns=_FEED_COLUMNS,
)
product_feed = [triggers.register_trigger(trigger) for trigger in (*_feed_of_rows, _feed_of_all)]
feed_created, feed_renumbered, feed_updated = product_feed[:3]

row_count = count_triggers("catalog_product", ("catalog", "0005_row_count"))

_FIRST_COLUMNS = {"name": TEXT, "description": TEXT, "price": MONEY, "stock": TEXT, "sku": TEXT}


def _history_of(columns: dict[str, dict[str, str]]) -> History:
    return History("catalog_product", "catalog_producthistory", "product_id", columns, units_of="stock")


# The history triggers of its first migration, before the column reorder_level exists.
first_history = _history_of(_FIRST_COLUMNS).triggers(("catalog", "0007_history"))
_SECOND_COLUMNS = {**_FIRST_COLUMNS, "reorder_level": TEXT}
second_history = _history_of(_SECOND_COLUMNS).triggers(("catalog", "0008_reorder_level"))
_CATEGORY_MIGRATION = ("catalog", "0009_category")
_THIRD_COLUMNS = {**_SECOND_COLUMNS, "category_id": TEXT}
third_history = _history_of(_THIRD_COLUMNS).triggers(("catalog", "0012_triggers_of_inserts"))
_FOURTH_COLUMNS = {**_THIRD_COLUMNS, "image": TEXT}
product_history = _history_of(_FOURTH_COLUMNS)
fourth_history = product_history.triggers(("catalog", "0015_image"))
history = fourth_history  # the current triggers

# A new row has no children, and a constraint refuses a row that is its own parent: only an update can close a cycle.
_ABOVE = (
    "WITH RECURSIVE above(id) AS (SELECT NEW.parent_id UNION SELECT parent_id FROM catalog_category "
    "JOIN above ON catalog_category.id = above.id) SELECT id FROM above"
)
category_tree = triggers.register_trigger(
    triggers.Trigger(
        name="catalog_category_tree",
        table="catalog_category",
        migration=_CATEGORY_MIGRATION,
        sqlite=(
            "CREATE TRIGGER catalog_category_tree BEFORE UPDATE OF parent_id ON catalog_category FOR EACH ROW "
            f"WHEN NEW.parent_id IS NOT NULL BEGIN SELECT RAISE(ABORT, 'catalog_category_tree') "
            f"WHERE NEW.id IN ({_ABOVE}); END"
        ),
        postgresql=(
            "BEFORE UPDATE OF parent_id",
            f"IF NEW.id IN ({_ABOVE}) THEN RAISE EXCEPTION 'catalog_category_tree' "
            "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;",
        ),
    )
)
