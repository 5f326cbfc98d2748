"""The calls that wait for their clients without holding a thread, the few threads that go on with them, and answers."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from ecommerce.errors import DomainError, Unavailable

WORKERS = ThreadPoolExecutor(4, thread_name_prefix="grpc-workers")  # each has a database connection
LOOK_S = 1


class WaitingCall(Protocol):
    def look(self, now: float) -> None:
        """End it when its time is over; `now` is of the monotonic clock."""

    def end_with_server(self, reason: DomainError) -> None:
        """End it because the server ends: now, or when its client has had a last moment."""


class WaitingCalls:
    """Those of this process, and a thread that looks after them while there are any."""

    def __init__(self) -> None:
        self._calls: set[WaitingCall] = set()
        self._lock = threading.Lock()
        self._looks = self._is_ending = self._is_full = False

    def add(self, call: WaitingCall) -> None:
        """Look after a call; when the server ends, end it."""
        if self._is_ending:
            call.end_with_server(_server_ends())
        with self._lock:
            self._calls.add(call)
            if not self._looks:
                self._looks = True
                threading.Thread(target=self._look, name="grpc-look", daemon=True).start()

    def discard(self, call: WaitingCall) -> None:
        with self._lock:
            self._calls.discard(call)

    def begin_no_more(self) -> None:
        self._is_full = True

    def check_begins(self) -> None:
        """Raise Unavailable when the server ends, and what has not begun by now is to go elsewhere."""
        if self._is_full:
            raise _server_ends()

    def end_all(self) -> None:
        """End every call, and those that still come."""
        self._is_ending = True
        for call in self._all():
            call.end_with_server(_server_ends())

    def _all(self) -> list[WaitingCall]:
        with self._lock:
            return list(self._calls)

    def _look(self) -> None:
        while self._has_calls():
            time.sleep(LOOK_S)
            now = time.monotonic()
            for call in self._all():
                call.look(now)

    def _has_calls(self) -> bool:
        with self._lock:
            self._looks = bool(self._calls)
            return self._looks


def _server_ends() -> Unavailable:
    return Unavailable("The server ends: call again, a stream from its cursor")


WAITING = WaitingCalls()


class Answers:
    """The answers of calls, on their way to the core."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Callable[[], None]] | None = None

    def give(self, answer: Callable[[], None]) -> None:
        """Send an answer, or keep it until they are let go."""
        with self._lock:
            if self._kept is not None:
                self._kept.append(answer)
                return
        answer()

    @contextmanager
    def kept_back(self) -> Iterator[None]:
        """Keep answers back, and let them go in the end."""
        with self._lock:
            self._kept = []
        try:
            yield
        finally:
            with self._lock:
                kept, self._kept = self._kept, None
            for answer in kept:
                answer()


ANSWERS = Answers()
