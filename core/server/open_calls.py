"""The open calls and streams of a process: one thread checks all of them for timeouts, and the shutdown ends them.

A timer for each stream, restarted with every message, would cost more.
"""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from core.errors import DomainError

CHECK_PERIOD_S = 0.5
log = logging.getLogger(__name__)


class OpenCall(Protocol):
    """A call or stream. Its methods are called on other threads and must not block."""

    def check_timeouts(self, now: float) -> None:
        """Do the work that is due at `now`, a time of the monotonic clock: for example end a call that timed out."""

    def end_with_server(self, reason: DomainError) -> None:
        """End because the server shuts down: at once, or after a short wait for the client."""


class OpenCalls:
    """The open calls of this process. While there are any, a thread checks their timeouts every CHECK_PERIOD_S."""

    def __init__(self) -> None:
        self._calls: set[OpenCall] = set()
        self._lock = threading.Lock()
        self._is_checking = self._is_draining = False
        self.end_reason: DomainError | None = None  # set when the server shuts down

    def add(self, call: OpenCall) -> None:
        """Check the call from now on. End it when the server shuts down, or now if the shutdown has begun."""
        with self._lock:
            if not self._is_checking:
                # Raises if no thread can be started.
                threading.Thread(target=self._check_all, name="open-calls", daemon=True).start()
                self._is_checking = True
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

    def stop_new_calls(self) -> None:
        """Let `check_new_calls` raise: calls that still wait for a thread are refused."""
        self._is_draining = True

    def check_new_calls(self) -> None:
        """Raise the reason if the server shuts down and starts no more calls: the client can retry elsewhere."""
        if self._is_draining:
            self.check()

    def _all(self) -> list[OpenCall]:
        with self._lock:
            return list(self._calls)

    def _check_all(self) -> None:
        while self._has_calls():
            time.sleep(CHECK_PERIOD_S)
            now = time.monotonic()
            for call in self._all():
                try:
                    call.check_timeouts(now)
                except Exception:
                    log.exception("The check of an open call failed")  # go on with the others

    def _has_calls(self) -> bool:
        """Whether there are open calls. If not, the thread ends, and `add` starts a new one."""
        with self._lock:
            self._is_checking = bool(self._calls)
            return self._is_checking
