"""The triggers that write the feed's rows and keep the newest one, for both databases."""

from collections.abc import Mapping

from core.moments import SQLITE_NOW
from core.triggers import ADDED, CHANGED, IS_STATEMENT, OF_ADDED, OF_CHANGED, Trigger, register_trigger

# For each event, the relation of the rows that PostgreSQL writes, and the clause that names it.
_NEW_ROWS = {"INSERT": (ADDED, OF_ADDED), "UPDATE": (CHANGED, OF_CHANGED)}
_NEXT_SEQ = "(SELECT COALESCE(MAX(seq), 0) + 1 FROM ecommerce_changeevent)"


def feed_trigger(
    name: str,
    table: str,
    migration: tuple[str, str],
    *,
    event: str,
    topic: str,
    kind: str,
    columns: Mapping[str, str],
    image: str = "NEW",
    condition: str = "",
    of: str = "",
) -> Trigger:
    """Return the trigger that writes one row for each row of `table` that `event` (INSERT, UPDATE, DELETE) changes.

    `columns` maps the feed's columns to those of the row's `image` (NEW, OLD); `condition` restricts an update, in SQL
    for both databases. `of` is a column without which the condition never holds: PostgreSQL does not run the trigger
    for an update that does not set it. A table with an UPDATE trigger must have a version trigger.
    """
    names, values = _facts(topic, kind, columns, image)
    insert = f"INSERT INTO ecommerce_changeevent ({names}) VALUES ({values});"
    numbered = f"INSERT INTO ecommerce_changeevent (seq, at, {names}) VALUES ({_NEXT_SEQ}, {SQLITE_NOW}, {values});"
    conditions = ([IS_STATEMENT] if event == "UPDATE" else []) + ([condition] if condition else [])
    sqlite_when = f"WHEN {' AND '.join(conditions)} " if conditions else ""
    body, transition = f"IF {condition} THEN {insert} END IF;" if condition else insert, ""
    if event in _NEW_ROWS and not condition:
        rows, transition = _NEW_ROWS[event]
        body = _insert_from(rows, *_facts(topic, kind, columns, rows))
    return Trigger(
        name=name,
        table=table,
        migration=migration,
        sqlite=f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {sqlite_when}BEGIN {numbered} END",
        # PostgreSQL refuses to alter the type of a column that a trigger's definition names; its body may name it.
        postgresql=(f"AFTER {event}{f' OF {of}' if of else ''}", f"{body} RETURN NULL;"),
        transition=transition,
    )


def _facts(topic: str, kind: str, columns: Mapping[str, str], row: str) -> tuple[str, str]:
    """Return the names and the values of the columns of an event about `row`."""
    facts = {"topic": f"'{topic}'", "kind": f"'{kind}'", **{name: f"{row}.{own}" for name, own in columns.items()}}
    return ", ".join(facts), ", ".join(facts.values())


def _insert_from(rows: str, names: str, values: str) -> str:
    return f"INSERT INTO ecommerce_changeevent ({names}) SELECT {values} FROM {rows};"


def truncate_feed_trigger(
    name: str, table: str, migration: tuple[str, str], *, topic: str, kind: str, columns: Mapping[str, str]
) -> Trigger:
    """Return the trigger that writes one row for each row of `table` before TRUNCATE, which fires no row triggers."""
    insert = _insert_from(table, *_facts(topic, kind, columns, table))
    return Trigger(name, table, migration, sqlite="", postgresql=("BEFORE TRUNCATE", f"{insert} RETURN NULL;"))


# The next `seq` is computed from the newest event. If that event were deleted, its `seq` would be assigned again, and a
# client with this cursor would miss the new event.
_IS_NEWEST = "OLD.seq = (SELECT MAX(seq) FROM ecommerce_changeevent)"
keep_newest = register_trigger(
    Trigger(
        name="ecommerce_changeevent_newest",
        table="ecommerce_changeevent",
        migration=("ecommerce", "0002_changeevent"),
        sqlite=(
            "CREATE TRIGGER ecommerce_changeevent_newest BEFORE DELETE ON ecommerce_changeevent FOR EACH ROW "
            f"WHEN {_IS_NEWEST} BEGIN SELECT RAISE(IGNORE); END"
        ),
        postgresql=("BEFORE DELETE", f"IF {_IS_NEWEST} THEN RETURN NULL; END IF; RETURN OLD;"),
    )
)
