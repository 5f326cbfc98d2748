"""The moment of a write, as the database itself puts it."""

from typing import Any

from django.db.models.functions import Now

# To the microsecond and without a fraction of zero, as Django writes moments on SQLite, where they compare as texts.
SQLITE_NOW = "REPLACE(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW') || '000', '.000000', '')"


class DatabaseNow(Now):
    """The default of a moment for rows that SQL by hand adds."""

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template=SQLITE_NOW.replace("%", "%%%%"), **context)
