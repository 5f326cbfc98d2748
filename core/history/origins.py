"""Passes the origin of changes to the triggers of the history."""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections

from core.origin import Origin, present_origin

SETTING = "shop.origin"  # of PostgreSQL, for one transaction
SET = f"set_config('{SETTING}', %s, true)"
FUNCTION = "shop_origin"  # of SQLite
_changes_by_table: dict[str, str] = {}
_WRITE = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)', re.IGNORECASE)


def track(table: str, changes: str) -> None:
    """Note that the triggers of `table` write into the table `changes`."""
    _changes_by_table[table] = changes


def writes_history(sql: object) -> bool:
    """Whether a statement writes to a table with a history."""
    found = _WRITE.match(str(sql))
    return found is not None and found[1] in _changes_by_table


def setting_sql(*, is_bound: bool) -> str:
    """Return the statement that sets the present origin for this transaction. If `is_bound`, % is doubled in it."""
    text = present_origin().as_json().replace("'", "''")
    return SET.replace("%s", f"'{text.replace('%', '%%') if is_bound else text}'")


def origins_of_rows(origins: Sequence[Origin], positions: Mapping[str, Mapping[Any, int]]) -> str:
    """Return the setting for a statement that writes for several callers.

    `positions` maps the name of a table and the key of a row to the position of its origin in `origins`. The key of a
    new row is the column `new_rows_by` of the table's history, of all other rows the id.
    """
    return json.dumps({"list": origins, **positions})


def add_origins(connection: Any, **_: object) -> None:
    """Let a new connection to SQLite add the origin to each change that it writes."""
    if connection.vendor != "sqlite":
        return
    connection.connection.create_function(FUNCTION, 1, _fact)
    add_origin_triggers(connection.connection)


def add_origin_triggers(raw: sqlite3.Connection) -> None:
    there = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for changes in there.intersection(_changes_by_table.values()):
        raw.execute(_origin_trigger(changes))


def renew_origins(using: str, **_: object) -> None:
    """Add the temporary triggers after a migration, which may have created the tables."""
    if connections[using].vendor == "sqlite" and connections[using].connection is not None:
        add_origin_triggers(connections[using].connection)


def _origin_trigger(changes: str) -> str:
    facts = {name: f"{FUNCTION}('{name}')" for name in ("actor_id", "protocol", "request_id", "reason")}
    cause = f"NULLIF({FUNCTION}('cause'), '')"
    facts["kind"] = f"CASE kind WHEN 'deleted' THEN kind ELSE COALESCE({cause}, kind) END"
    settings = ", ".join(f"{name} = {value}" for name, value in facts.items())
    update = f"UPDATE {changes} SET {settings} WHERE id = NEW.id"  # noqa: S608  # names of the shop's own tables
    return f"CREATE TEMP TRIGGER IF NOT EXISTS {changes}_origin AFTER INSERT ON main.{changes} BEGIN {update}; END"


def _fact(name: str) -> str | int | None:
    return getattr(present_origin(), name)  # type: ignore[no-any-return]  # a field of Origin
