"""Django's PostgreSQL backend, with bounded waits and without stale connections.

TCP alone does not bound a wait: a proxy may acknowledge a statement that PostgreSQL never receives, and the timeouts of
PostgreSQL do not reach a client that is disconnected.
Uses a private exception of psycopg. Tried on psycopg 3.3.9.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from psycopg.errors import (
    ConnectionTimeout,
    FeatureNotSupported,
    InvalidSqlStatementName,
    QueryCanceled,
    _WaitTimeout,
)

from core.breaker import Breaker
from core.history.origins import setting_sql, writes_history
from core.postgresql.reader import Reader
from core.runtime import singleton

CHECK_TIMEOUT_S = 5  # to check the connection of an earlier request; the statement takes a millisecond
RETRY_S = 1
REPLICA_TIMEOUT_S = 2  # then the primary is asked
IS_DEBUG = settings.DEBUG  # then Django logs each statement
PREPARE_AFTER = 2  # runs on one connection; a statement that runs once costs less unprepared


class PostgreSQLBreaker(Breaker):
    """Keeps threads from waiting for a PostgreSQL that does not answer."""

    def __init__(self) -> None:
        super().__init__(RETRY_S)


class Connection(psycopg.Connection[Any]):
    """A connection that closes itself when PostgreSQL does not answer within `timeout_s`."""

    timeout_s: float = 0  # 0: no limit
    is_being_checked = is_replica = False

    @cached_property
    def reader(self) -> Reader:
        return Reader(self)

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Return the result of an operation. Raises QueryCanceled if it takes longer than `timeout_s`."""
        if timeout is not None or not self.timeout_s:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.timeout_s)
        except _WaitTimeout as error:
            self.close()  # the result may still arrive, and would be read as that of the next statement
            if not (self.is_being_checked or self.is_replica):
                singleton(PostgreSQLBreaker).open()  # else all waiting threads would try, one after the other
            raise QueryCanceled(f"PostgreSQL did not answer within {self.timeout_s} s") from error

    @contextmanager
    def being_checked(self) -> Iterator[None]:
        before, self.is_being_checked = self.timeout_s, True
        self.timeout_s = min(CHECK_TIMEOUT_S, before or CHECK_TIMEOUT_S)
        try:
            yield
        finally:
            self.timeout_s, self.is_being_checked = before, False


class OriginCursor(CursorWrapper):
    """Sets the origin of changes in the same message as a write to a table with a history, for its triggers."""

    def execute(self, sql: Any, params: Any = None) -> Any:
        if not writes_history(sql):
            return super().execute(sql, params)
        # One message of two statements is one transaction, even outside of a block.
        result = super().execute(f"SELECT {setting_sql(is_bound=params is not None)}; {sql}", params)
        self.cursor.nextset()
        return result

    def executemany(self, sql: Any, param_list: Any) -> Any:
        if writes_history(sql):
            super().execute(f"SELECT {setting_sql(is_bound=False)}")
        return super().executemany(sql, param_list)


class ProvingCursor(OriginCursor):
    """Replaces a lost connection at the first statement of a request, without a test query in every request.

    If the first statement is a SELECT, it runs without a test. If the connection is lost, the SELECT fails, and runs
    again on a new connection. Before any other first statement, a query tests the connection: that statement must not
    run again, because PostgreSQL could then execute it twice.
    """

    def execute(self, sql: Any, params: Any = None) -> Any:
        if self.db.health_check_done:
            return super().execute(sql, params)
        if self.db.in_atomic_block or not str(sql).startswith("SELECT"):
            self.db.ask_connection()
            self.cursor = self.db.create_cursor()
            return super().execute(sql, params)
        try:
            result = super().execute(sql, params)
        except DatabaseError as error:
            if not self.db.is_lost(error):
                raise
            self.db.close()
            self.db.ensure_connection()  # its errors are Django's; those of `connect` are psycopg's
            self.cursor = self.db.create_cursor()
            return super().execute(sql, params)
        self.db.health_check_done = True
        return result


class DebugProvingCursor(CursorDebugWrapper, ProvingCursor):
    """A ProvingCursor that also logs the statements."""


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, object]) -> Connection:
        """Connect. While PostgreSQL does not answer, one thread at a time tries; the others fail at once."""
        if self.settings_dict.get("IS_REPLICA"):
            return self._connect(conn_params, min(REPLICA_TIMEOUT_S, settings.DATABASE_TIMEOUT_S or REPLICA_TIMEOUT_S))
        breaker = singleton(PostgreSQLBreaker)
        if not breaker.admits():
            raise ConnectionTimeout("PostgreSQL did not answer a moment ago: one thread at a time tries again")
        with breaker.trying(ConnectionTimeout):
            return self._connect(conn_params, settings.DATABASE_TIMEOUT_S)

    def _connect(self, conn_params: dict[str, object], timeout_s: float) -> Connection:
        connection: Connection = super().get_new_connection(conn_params)
        connection.__class__ = Connection  # Django has no setting for the class
        connection.timeout_s = timeout_s
        connection.is_replica = bool(self.settings_dict.get("IS_REPLICA"))
        if not self.settings_dict.get("IS_POOLED"):
            connection.prepare_threshold = PREPARE_AFTER  # Django sets None, and psycopg then never prepares
        return connection

    def rows_of(self, sql: str, params: Sequence[Any], *, may_prepare: bool = True) -> list[tuple[Any, ...]]:
        """Run a statement that reads. If it may be, it is prepared after PREPARE_AFTER runs, but not through PgBouncer.

        Outside a transaction, the statement runs once more on a new connection if PostgreSQL closed the connection,
        lost the prepared statement, or refuses it because its table was changed.
        """
        return self._rows_of(sql, params, self.is_lost, may_prepare=may_prepare)

    def rows_written(self, sql: str, params: object) -> list[tuple[Any, ...]]:
        """Run a statement that writes, prepared like one of `rows_of`, and return its rows.

        It runs once more only if PostgreSQL did not run it: the prepared statement was lost, or its table was changed.
        If the connection is lost, it does not run again, because it may have been committed.
        """
        self.ask_connection()
        return self._rows_of(sql, params, self.is_unprepared)

    def _rows_of(
        self, sql: str, params: Any, may_repeat: Callable[[DatabaseError], bool], *, may_prepare: bool = True
    ) -> list[tuple[Any, ...]]:
        if self.force_debug_cursor or self.execute_wrappers or IS_DEBUG:
            with self.cursor() as cursor:
                cursor.execute(sql, params)
                rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
                return rows
        try:
            return self._rows_of_reader(sql, params, may_prepare=may_prepare)
        except DatabaseError as error:
            if self.in_atomic_block or not may_repeat(error):
                raise
            self.close()
            return self._rows_of_reader(sql, params, may_prepare=may_prepare)

    def _rows_of_reader(self, sql: str, params: Sequence[Any], *, may_prepare: bool) -> list[tuple[Any, ...]]:
        if self.connection is None:
            self.ensure_connection()
        reader: Reader = self.connection.reader
        try:
            found = reader.rows(sql, params, may_prepare=may_prepare and not self.in_atomic_block)
        except psycopg.Error:
            with self.wrap_database_errors:
                raise
        self.health_check_done = True
        return found

    @staticmethod
    def is_unprepared(error: DatabaseError) -> bool:
        """Whether PostgreSQL did not run a statement, because its prepared form is lost or outdated."""
        return isinstance(error.__cause__, InvalidSqlStatementName | FeatureNotSupported)

    def is_lost(self, error: DatabaseError) -> bool:
        """Whether the connection must be replaced, and a statement that reads may then run again."""
        cause = error.__cause__
        if self.is_unprepared(error):
            return True
        return (self.connection is None or self.connection.closed) and not isinstance(cause, QueryCanceled)

    def get_autocommit(self) -> bool:
        """Return Django's record. Django first makes sure that there is a connection, and looks for an event loop."""
        return self.autocommit if self.connection is not None else bool(super().get_autocommit())

    def close_if_health_check_failed(self) -> None:
        """Do nothing: `ProvingCursor` checks at the first statement. Django calls this method before each statement."""

    def set_autocommit(self, autocommit: bool, *args: Any, **options: Any) -> None:
        """Test the connection before a transaction: its statements can't run again on another connection."""
        self.ask_connection()
        super().set_autocommit(autocommit, *args, **options)

    def ask_connection(self) -> None:
        """Test the connection, once in a request. Replace it if it does not answer."""
        super().close_if_health_check_failed()
        self.ensure_connection()

    def rollback(self) -> None:
        """Roll back, but remember an error, so that the connection is tested before the next request uses it."""
        errors_occurred = self.errors_occurred
        super().rollback()
        self.errors_occurred = errors_occurred  # Django treats a rollback as proof that the connection works

    def make_cursor(self, cursor: object) -> CursorWrapper:
        return ProvingCursor(cursor, self)

    def make_debug_cursor(self, cursor: object) -> CursorDebugWrapper:
        return DebugProvingCursor(cursor, self)

    def is_usable(self) -> bool:
        """Whether the connection answers and accepts writes: a demoted primary may keep its connections."""
        if self.connection is None:
            return False
        try:
            with self.connection.being_checked(), self.connection.cursor() as cursor:
                return bool(cursor.execute("SHOW transaction_read_only").fetchone() == ("off",))
        except psycopg.Error:
            return False
