"""Read replicas: which of them are in use, and reads from them.

Only reads of anonymous clients use a replica, through compiled statements. A signed-in caller reads from the primary,
and so always sees its own writes. A thread compares each replica with the primary: a replica that lags by more than
REPLICA_MAX_LAG_S, or does not answer, is dropped until it has caught up.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error, connection, connections
from psycopg.conninfo import make_conninfo

from core.runtime import singleton

LAG_POLL_S = 0.5
WAIT_S = 0.1  # between two looks at a replica that has to reach a position
CONNECT_S = 2
MARKS = 240  # positions of the primary that are remembered: two minutes
POSITION = "SELECT pg_current_wal_lsn() - '0/0'"
REPLAYED = "SELECT pg_last_wal_replay_lsn() - '0/0'"
IDENTITY = "SELECT system_identifier FROM pg_control_system()"
log = logging.getLogger(__name__)
_may_lag: ContextVar[bool] = ContextVar("may_lag", default=False)
_ON_PRIMARY: AbstractContextManager[None] = nullcontext()


def reads_may_lag(is_anonymous: bool) -> AbstractContextManager[None]:
    """Let compiled reads in the block use a replica, if the client is anonymous."""
    return _lagging() if is_anonymous and settings.REPLICAS else _ON_PRIMARY


@contextmanager
def _lagging() -> Iterator[None]:
    token = _may_lag.set(True)
    try:
        yield
    finally:
        _may_lag.reset(token)


def rows_of_replica(sql: str, params: Sequence[Any], *, may_prepare: bool) -> list[tuple[Any, ...]] | None:
    """Return the rows from a replica; None if the primary must be asked."""
    if not _may_lag.get() or connection.in_atomic_block:
        return None
    watch = singleton(ReplicaWatch)
    alias = watch.choose()
    if alias is None:
        return None
    try:
        replica: Any = connections[alias]  # of the shop's own backend
        found: list[tuple[Any, ...]] = replica.rows_of(sql, params, may_prepare=may_prepare)
    except Error as error:
        watch.drop(alias, str(error))
        connections[alias].close()
        return None
    return found


class NotAReplica(Exception):
    """The server is not a replica of the primary."""


def lag_of(alias: str) -> float | None:
    """Return the seconds in which a replica reaches the primary's position of now; None if REPLICA_MAX_LAG_S is over.

    Raises NotAReplica, and psycopg.Error if the primary or the replica does not answer.
    """
    with _link_to("default") as primary, _link_to(alias) as replica:
        if _value(primary, IDENTITY) != _value(replica, IDENTITY) or _value(replica, REPLAYED) is None:
            raise NotAReplica
        position, began = _value(primary, POSITION), time.monotonic()
        while _value(replica, REPLAYED) < position:
            if time.monotonic() - began > settings.REPLICA_MAX_LAG_S:
                return None
            time.sleep(WAIT_S)
        return time.monotonic() - began


def _value(link: psycopg.Connection[Any], sql: str) -> Any:
    row: Any = link.execute(sql).fetchone()
    return row[0]


class ReplicaWatch:
    """The replicas in use. The thread that compares them starts with the first read."""

    def __init__(self) -> None:
        self._in_use: tuple[str, ...] = ()
        self._turns = itertools.count()
        self._marks: deque[tuple[float, int]] = deque(maxlen=MARKS)  # times, and positions of the primary
        self._links: dict[str, psycopg.Connection[Any]] = {}
        self._lock = threading.Lock()
        self._is_running = False

    def choose(self) -> str | None:
        """Return the alias of a replica in use, in turn; None if there is none."""
        if not self._is_running:
            self._start()
        in_use = self._in_use
        return in_use[next(self._turns) % len(in_use)] if in_use else None

    def drop(self, alias: str, reason: str) -> None:
        with self._lock:
            if alias in self._in_use:
                self._in_use = tuple(each for each in self._in_use if each != alias)
                log.warning("%s is not used for now: %s", alias, " ".join(reason.split()))

    def _start(self) -> None:
        with self._lock:
            if not self._is_running:
                threading.Thread(target=self._run, name="replicas", daemon=True).start()
                self._is_running = True

    # -- On the thread ------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while True:
            try:
                self._marks.append((time.monotonic(), self._position("default", POSITION)))
            except psycopg.Error as error:  # no new commits then, so the replicas may go on
                log.debug("The primary does not answer: %s", error)
            for alias in settings.REPLICAS:
                self._look_at(alias)
            time.sleep(LAG_POLL_S)

    def _look_at(self, alias: str) -> None:
        try:
            lag_s = self._lag_s(self._position(alias, REPLAYED))
        except psycopg.Error as error:
            self.drop(alias, str(error))
            return
        if lag_s > settings.REPLICA_MAX_LAG_S:
            self.drop(alias, f"it lags by more than {settings.REPLICA_MAX_LAG_S:g} s")
        elif alias not in self._in_use:
            with self._lock:
                self._in_use = (*self._in_use, alias)
            log.info("%s is used for reads.", alias)

    def _lag_s(self, replayed: int) -> float:
        """Return the time between the newest mark that the replica has reached and the newest mark of all."""
        reached_at = next((at for at, position in reversed(self._marks) if position <= replayed), None)
        return self._marks[-1][0] - reached_at if reached_at is not None else float("inf")

    def _position(self, alias: str, sql: str) -> int:
        link = self._links.get(alias)
        if link is None or link.closed:
            link = self._links[alias] = _link_to(alias)
        try:
            return int(link.execute(sql).fetchone()[0])  # type: ignore[index]  # one row
        except (psycopg.Error, TypeError) as error:
            link.close()
            raise psycopg.OperationalError(f"{alias} has no position: {error}") from error


def _link_to(alias: str) -> psycopg.Connection[Any]:
    """Connect outside of Django: the thread must wait neither for its breaker nor long for a server that hangs."""
    database = (
        settings.DIRECT_DATABASE if alias == "default" and settings.DIRECT_DATABASE else settings.DATABASES[alias]
    )
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    given = {theirs: database[ours] for ours, theirs in names.items() if database.get(ours)}
    given |= {"connect_timeout": CONNECT_S, "tcp_user_timeout": CONNECT_S * 1000, "options": "-c statement_timeout=2s"}
    return psycopg.connect(make_conninfo(**given), autocommit=True)
