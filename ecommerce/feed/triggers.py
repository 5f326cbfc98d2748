"""The triggers that write the feed's rows and keep its place, in the words of both databases."""

from collections.abc import Mapping

from ecommerce.moments import SQLITE_NOW
from ecommerce.triggers import IS_STATEMENT, Trigger, register

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
    condition: str = "",
) -> Trigger:
    """Write one row for each row of `table` that `event` (INSERT, UPDATE, DELETE) touches.

    `columns` maps the feed's columns to expressions over NEW or OLD; `condition` narrows an update, in SQL that both
    databases read. A table that is updated has a version trigger.
    """
    facts = {"topic": f"'{topic}'", "kind": f"'{kind}'", **columns}
    names, values = ", ".join(facts), ", ".join(facts.values())
    insert = f"INSERT INTO ecommerce_changeevent ({names}) VALUES ({values});"
    numbered = f"INSERT INTO ecommerce_changeevent (seq, at, {names}) VALUES ({_NEXT_SEQ}, {SQLITE_NOW}, {values});"
    conditions = ([IS_STATEMENT] if event == "UPDATE" else []) + ([condition] if condition else [])
    sqlite_when = f"WHEN {' AND '.join(conditions)} " if conditions else ""
    body = f"IF {condition} THEN {insert} END IF;" if condition else insert
    return Trigger(
        name=name,
        table=table,
        migration=migration,
        sqlite=f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {sqlite_when}BEGIN {numbered} END",
        # PostgreSQL refuses to alter the type of a column that a trigger itself names; its body may.
        postgresql=(f"AFTER {event}", f"{body} RETURN NULL;"),
    )


def truncate_feed_trigger(
    name: str, table: str, migration: tuple[str, str], *, topic: str, kind: str, columns: Mapping[str, str]
) -> Trigger:
    """Write one row for each row of `table` when TRUNCATE empties it, which fires no trigger of a row."""
    names, values = ", ".join(columns), ", ".join(columns.values())
    insert = (
        f"INSERT INTO ecommerce_changeevent (topic, kind, {names}) SELECT '{topic}', '{kind}', {values} FROM {table};"
    )
    return Trigger(name, table, migration, sqlite="", postgresql=("BEFORE TRUNCATE", f"{insert} RETURN NULL;"))


# The next event's place follows from the newest: were that deleted, its place would be given a second time, and who
# has it as a cursor would miss the other event.
_IS_NEWEST = "OLD.seq = (SELECT MAX(seq) FROM ecommerce_changeevent)"
keep_newest = register(
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
