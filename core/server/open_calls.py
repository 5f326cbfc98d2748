"""The open calls and streams of a process: one thread checks all of them for timeouts, and the shutdown ends them.

A timer for each stream, restarted with every message, would cost more.
"""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from core.errors import DomainError

LOOK_S = 0.5
log = logging.getLogger(__name__)


class OpenCall(Protocol):
    """A call or stream. Its methods are called on other threads and must not block."""

    def look(self, now: float) -> None:
        """Do the work that is due at `now`, a time of the monotonic clock: for example end a call that timed out."""

    def end_with_server(self, reason: DomainError) -> None:
        """End because the server shuts down: at once, or after a short wait for the client."""


class OpenCalls:
    """The open calls of this process. While any call is open, a thread calls `look` on each, every LOOK_S."""

    def __init__(self) -> None:
        self._calls: set[OpenCall] = set()
        self._lock = threading.Lock()
        self._looks = self._is_full = False
        self.end_reason: DomainError | None = None  # set when the server shuts down

    def add(self, call: OpenCall) -> None:
        """Check the call from now on. End it when the server shuts down, or now if the shutdown has begun."""
        with self._lock:
            if not self._looks:
                threading.Thread(target=self._look, name="open-calls", daemon=True).start()  # may raise
                self._looks = True
            self._calls.add(call)
        if self.end_reason is not None:
            call.end_with_server(self.end_reason)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[OpenCall]:
        return iter(self._all())

    def discard(self, call: OpenCall) -> None:
        with self._lock:
            self._calls.discard(call)

    def check(self) -> None:
        """Raise the reason if the server shuts down."""
        if self.end_reason is not None:
            raise self.end_reason.with_traceback(None)

    def end_all(self, reason: DomainError) -> None:
        """End every call, and every call that is added later."""
        self.end_reason = reason
        for call in self._all():
            call.end_with_server(reason)

    def begin_no_more(self) -> None:
        self._is_full = True

    def check_begins(self) -> None:
        """Raise if the server shuts down and no longer begins calls: the client can retry elsewhere."""
        if self._is_full:
            self.check()

    def _all(self) -> list[OpenCall]:
        with self._lock:
            return list(self._calls)

    def _look(self) -> None:
        while self._has_calls():
            time.sleep(LOOK_S)
            now = time.monotonic()
            for call in self._all():
                try:
                    call.look(now)
                except Exception:
                    log.exception("The check of an open call failed")  # go on with the others

    def _has_calls(self) -> bool:
        with self._lock:
            self._looks = bool(self._calls)
            return self._looks
