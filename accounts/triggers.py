"""Database triggers that run on every write of a user."""

from core import triggers
from core.lists.row_counts import count_triggers
from core.text.search import FUNCTION

TABLE = "accounts_user"
MIGRATION = ("accounts", "0002_username_folded")
_SQLITE = (
    f"CREATE TRIGGER {{name}} AFTER {{event}} ON {TABLE} FOR EACH ROW "
    f"WHEN NEW.username_folded IS NOT {FUNCTION}(NEW.username) "
    f"BEGIN UPDATE {TABLE} SET username_folded = {FUNCTION}(NEW.username) WHERE id = NEW.id; END"
)


def _folding_trigger(name: str, event: str) -> triggers.Trigger:
    """Return a trigger that sets `username_folded` and ignores the value in the statement."""
    return triggers.register_trigger(
        triggers.Trigger(
            name=name,
            table=TABLE,
            migration=MIGRATION,
            sqlite=_SQLITE.format(name=name, event=event),
            postgresql=(f"BEFORE {event}", f"NEW.username_folded := {FUNCTION}(NEW.username); RETURN NEW;"),
        )
    )


username_folding = [
    _folding_trigger("accounts_user_folded_inserted", "INSERT"),
    _folding_trigger("accounts_user_folded_updated", "UPDATE OF username, username_folded"),
]

row_count = count_triggers("accounts_user", ("accounts", "0004_row_count"))
