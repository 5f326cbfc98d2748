"""Exact numbers of rows of whole tables, kept by triggers: counting a million rows takes longer than reading a page.

On PostgreSQL a table has several counters, and the number of rows is their sum. Each statement adds to a counter that
no other transaction has locked, or inserts a counter if all are locked. So writers neither wait for each other nor
deadlock, and a table has as many counters as it ever had concurrent writers. A writer at an isolation level above READ
COMMITTED may get a serialization failure. SQLite has one writer at a time, and one counter. SQLite's REPLACE deletes
rows without firing a trigger: use ON CONFLICT DO UPDATE.

The counters have no model, so that Django neither flushes, dumps nor loads them: the triggers count the rows that
Django writes.
"""

from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections

from core.triggers import Trigger, register_trigger

CREATE_TABLE = {
    "sqlite": "CREATE TABLE ecommerce_rowcount (name text PRIMARY KEY NOT NULL, rows integer NOT NULL)",
    "postgresql": "CREATE TABLE ecommerce_rowcount "
    "(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, rows bigint NOT NULL)",
}
DROP_TABLE = "DROP TABLE ecommerce_rowcount"
SUM = "SELECT COALESCE(SUM(rows), 0) FROM ecommerce_rowcount WHERE name = %s"
_COUNTED: set[str] = set()


@dataclass(frozen=True)
class _CountTrigger(Trigger):
    """A trigger whose installation also counts the existing rows. Writers of the table wait until that count ends."""

    def create_sql(self, vendor: str) -> list[str]:
        created = super().create_sql(vendor)
        if not created:
            return []
        return [*created, _count_sql(self.table, vendor)]


def _count_sql(table: str, vendor: str) -> str:
    """Return the statement that counts the rows of a table. Its writers wait until the count ends."""
    rows = f"INTO ecommerce_rowcount (name, rows) SELECT '{table}', COUNT(*) FROM {table}"
    if vendor == "sqlite":
        return f"INSERT OR REPLACE {rows}"
    lock = f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"
    forget = f"DELETE FROM ecommerce_rowcount WHERE name = '{table}'"
    return f"DO $$ BEGIN {lock}; {forget}; INSERT {rows}; END $$"


def recount() -> dict[str, tuple[int, int]]:
    """Count the rows of all counted tables. Return the old and the new number of each table that had a wrong one."""
    wrong = {}
    for table in sorted(_COUNTED):
        before = rows_of_table(table, DEFAULT_DB_ALIAS)
        with connection.cursor() as cursor:
            cursor.execute(_count_sql(table, connection.vendor))
        if (after := rows_of_table(table, DEFAULT_DB_ALIAS)) != before:
            wrong[table] = before, after
    return wrong


def count_triggers(table: str, migration: tuple[str, str]) -> list[Trigger]:
    """Return the triggers that count the rows of a table: for INSERT, DELETE, and PostgreSQL's TRUNCATE."""
    _COUNTED.add(table)
    forget = f"DELETE FROM ecommerce_rowcount WHERE name = '{table}'; RETURN NULL;"
    return [
        _counting(table, migration, "inserted", "INSERT", "NEW", "+"),
        _counting(table, migration, "deleted", "DELETE", "OLD", "-"),
        register_trigger(_CountTrigger(f"{table}_count_truncated", table, migration, "", ("AFTER TRUNCATE", forget))),
    ]


def _counting(table: str, migration: tuple[str, str], name: str, event: str, image: str, sign: str) -> Trigger:
    name = f"{table}_count_{name}"
    add = f"UPDATE ecommerce_rowcount SET rows = rows {sign}"
    free = f"SELECT id FROM ecommerce_rowcount WHERE name = '{table}' LIMIT 1 FOR UPDATE SKIP LOCKED"
    insert = f"INSERT INTO ecommerce_rowcount (name, rows) SELECT '{table}', {sign} COUNT(*) FROM changed;"
    return register_trigger(
        _CountTrigger(
            name,
            table,
            migration,
            sqlite=f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {add} 1 WHERE name = '{table}'; END",
            postgresql=(
                f"AFTER {event}",
                f"{add} (SELECT COUNT(*) FROM changed) WHERE id = ({free}); "
                f"IF NOT FOUND THEN {insert} END IF; RETURN NULL;",
            ),
            transition=f"REFERENCING {image} TABLE AS changed",
        )
    )


def counted_table(query: Any) -> str | None:
    """Return the table if the query reads all rows of one counted table and reads no other table; else None."""
    table: str = query.model._meta.db_table
    narrows = query.where or query.distinct or query.is_sliced or query.combinator or query.group_by is not None
    joins = len(query.alias_map) > 1 or query.annotations or query.extra or query.extra_tables
    return None if narrows or joins or table not in _COUNTED else table


def rows_of_table(table: str, using: str) -> int:
    """Return the number of rows of a counted table. One statement."""
    with connections[using].cursor() as cursor:
        cursor.execute(SUM, [table])
        return int(cursor.fetchone()[0])
