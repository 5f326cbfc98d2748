"""A cursor that runs a statement with less Python than psycopg's own, if it is prepared or is not to be prepared.

In `Cursor.execute`, 25 of 45 us are Python code that prepares for every kind of query: it converts placeholders, counts
runs, makes a Transformer and a row factory. Once psycopg has prepared a statement, only four steps are needed.
psycopg still decides what to prepare, and forgets it as before. Uses private members. Tried on psycopg 3.3.9.
"""

from functools import lru_cache
from typing import Any

import psycopg
from psycopg._queries import _query2pg_nocache
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import execute
from psycopg.pq import ExecStatus
from psycopg.types.datetime import TimestamptzLoader

TUPLES_OK = ExecStatus.TUPLES_OK


class Reader(psycopg.Cursor[Any]):
    """The cursor of `rows_of` and `rows_written`. It binds on the server; Django's cursors bind on the client."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        # Django's loader is written in Python, and takes most of the time for a row. Both loaders return UTC.
        self.adapters.register_loader("timestamptz", TimestamptzLoader)
        self._transformer = Transformer(self)

    def rows(self, sql: str, params: Any, *, may_prepare: bool) -> list[tuple[Any, ...]]:
        """Run a statement with a list of parameters, or a dict, and return its rows. Raises psycopg's exceptions."""
        if self._conn._autocommit and (found := self._rows_at_once(sql, params, may_prepare=may_prepare)) is not None:
            return found
        self.execute(sql, params, prepare=None if may_prepare else False)
        result = self.pgresult  # the cursor's `description` would make an object for each column
        rows: list[tuple[Any, ...]] = self.fetchall() if result and result.nfields else []
        return rows

    def _rows_at_once(self, sql: str, params: Any, *, may_prepare: bool) -> list[tuple[Any, ...]] | None:
        """Return the rows; None if psycopg is to prepare the statement for these types of parameters."""
        query, asked, names = _converted(sql)
        transformer, prepared = self._transformer, self._conn._prepared._names
        values = transformer.dump_sequence(params if names is None else [params[name] for name in names], asked)
        types, formats = transformer.types or (), transformer.formats
        name = prepared.get((query, types)) if may_prepare else None
        if name is not None:
            prepared.move_to_end((query, types))  # psycopg deallocates the one that was not used for the longest time
        elif may_prepare:
            return None
        with self._conn.lock:
            if name is None:
                self._pgconn.send_query_params(query, values, param_types=types, param_formats=formats)
            else:
                self._pgconn.send_query_prepared(name, values, param_formats=formats)
            results = self._conn.wait(execute(self._pgconn))
        if len(results) != 1 or results[0].status != TUPLES_OK:
            self._check_results(results)
        transformer.set_pgresult(results[0])
        rows: list[tuple[Any, ...]] = transformer.load_rows(0, results[0].ntuples, tuple)
        return rows


@lru_cache(1024)
def _converted(sql: str) -> tuple[bytes, list[PyFormat], list[str] | None]:
    """Return the query in PostgreSQL's form, the formats of its parameters, and their names if they have names."""
    query, formats, names, _ = _query2pg_nocache(sql.encode(), "utf-8")
    return query, formats, names
