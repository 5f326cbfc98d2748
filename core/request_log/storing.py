"""Stores the log lines of requests in the database, from a bounded queue on a thread of its own.

A request only appends a tuple to the queue. If the queue is full, or the database does not answer, lines are dropped
and counted: a response never waits for the log.
"""

import atexit
import logging
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from core.models import LoggedRequest
from core.runtime import singleton

QUEUE_ROWS = 10_000
BATCH_ROWS = 500
WRITE_EVERY_S = 1.0
LEFT_OUT = frozenset(("health", "static"))
END_S = 2.0  # at most, for the rest of the queue when the process ends
PRUNED_AT_ONCE = 10_000
log = logging.getLogger(__name__)


class StoringHandler(logging.Handler):
    """Receives the lines of the logger `ecommerce.request`."""

    def emit(self, record: logging.LogRecord) -> None:
        if vars(record)["protocol"] not in LEFT_OUT:
            singleton(LogQueue).put(vars(record))


class LogQueue:
    """The lines of this process that wait to be stored. The thread starts with the first one."""

    def __init__(self) -> None:
        self.dropped = 0
        self._lines: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()

    def put(self, line: dict[str, Any]) -> None:
        if len(self._lines) >= QUEUE_ROWS:
            self.dropped += 1
            return
        self._lines.append(line)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
                self._thread.start()
                atexit.register(self.end)

    def end(self) -> None:
        """Store the rest, and end the thread."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join(END_S)

    # -- On the thread ------------------------------------------------------------------------------------------
    def _run(self) -> None:
        known = 0
        while not self._ends.wait(WRITE_EVERY_S):
            self.store()
            if self.dropped > known:
                log.warning("Log lines of requests were not stored: %s since the process began", self.dropped)
                known = self.dropped
        self.store()
        connection.close()

    def store(self) -> None:
        """Store the lines that wait."""
        while self._lines:
            batch = [self._lines.popleft() for _ in range(min(BATCH_ROWS, len(self._lines)))]
            try:
                LoggedRequest.objects.bulk_create([_row_of(line) for line in batch])
            except DatabaseError as error:
                self.dropped += len(batch)
                log.warning("Log lines of requests can't be stored: %s", error)
                connection.close()
                return


def _row_of(line: dict[str, Any]) -> LoggedRequest:
    return LoggedRequest(
        request_id=line["request_id"],
        at=datetime.fromtimestamp(line["created"] - line["duration_ms"] / 1000, UTC),
        method=line["method"][:16],
        path=line["path"].replace("\0", "")[:300].encode("utf-8", "replace").decode(),
        operation=line["operation"][:100],
        protocol=line["protocol"],
        status=str(line["status"])[:32],
        duration_ms=line["duration_ms"],
        user_id=line["caller"],
        address=line["address"][:64],
    )


def prune_requests(*, days: float) -> int:
    """Delete the requests that are older, some at a time. Returns their number."""
    oldest, count = timezone.now() - timedelta(days=days), 0
    while True:
        ids = list(LoggedRequest.objects.filter(at__lt=oldest).values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        if not ids:
            return count
        count += LoggedRequest.objects.filter(pk__in=ids).delete()[0]
