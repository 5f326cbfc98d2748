"""The triggers that write the feed's rows, in the words of both databases."""

from collections.abc import Mapping

from ecommerce.moments import SQLITE_NOW
from ecommerce.triggers import Trigger

NEXT_SEQ = "(SELECT COALESCE(MAX(seq), 0) + 1 FROM ecommerce_changeevent)"


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
    """Write one row for each row of `table` that `event` (such as `UPDATE OF price, stock`) touches.

    `columns` maps the feed's columns to expressions over NEW or OLD; `condition` narrows an update, in SQL that both
    databases read.
    """
    facts = {"topic": f"'{topic}'", "kind": f"'{kind}'", **columns}
    names, values = ", ".join(facts), ", ".join(facts.values())
    sqlite_when = f"WHEN {condition} " if condition else ""
    insert = f"INSERT INTO ecommerce_changeevent ({names}) VALUES ({values});"
    numbered = f"INSERT INTO ecommerce_changeevent (seq, at, {names}) VALUES ({NEXT_SEQ}, {SQLITE_NOW}, {values});"
    body = f"IF {condition} THEN {insert} END IF;" if condition else insert
    return Trigger(
        name=name,
        table=table,
        migration=migration,
        sqlite=f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {sqlite_when}BEGIN {numbered} END",
        # PostgreSQL refuses to alter the type of a column that a trigger names; there no trigger updates again, either.
        postgresql=(f"AFTER {event.partition(' OF ')[0]}", f"{body} RETURN NULL;"),
    )
