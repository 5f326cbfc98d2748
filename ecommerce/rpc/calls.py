"""The calls that wait for their clients without holding a thread, and the few threads that go on with them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ecommerce.errors import DomainError, Unavailable

WORKERS = ThreadPoolExecutor(4, thread_name_prefix="grpc-workers")  # each has a database connection
LOOK_S = 1


class WaitingCall(Protocol):
    def is_stalled(self, now: float) -> bool:
        """Whether its client has had its time; `now` is of the monotonic clock."""

    def give_up(self) -> None:
        """End it because it is stalled."""

    def end(self, reason: DomainError) -> None:
        """End it for another reason."""


class WaitingCalls:
    """Those of this process, and a thread that looks after them while there are any."""

    def __init__(self) -> None:
        self._calls: set[WaitingCall] = set()
        self._lock = threading.Lock()
        self._looks = self._is_ending = False

    def add(self, call: WaitingCall) -> None:
        with self._lock:
            self._calls.add(call)
            if not self._looks:
                self._looks = True
                threading.Thread(target=self._look, name="grpc-look", daemon=True).start()

    def discard(self, call: WaitingCall) -> None:
        with self._lock:
            self._calls.discard(call)

    def check_is_serving(self) -> None:
        """Raise Unavailable once the server ends."""
        if self._is_ending:
            raise _server_ends()

    def end_all(self) -> None:
        """End every call, and those that still come."""
        self._is_ending = True
        for call in self._all():
            call.end(_server_ends())

    def _all(self) -> list[WaitingCall]:
        with self._lock:
            return list(self._calls)

    def _look(self) -> None:
        while self._has_calls():
            time.sleep(LOOK_S)
            now = time.monotonic()
            for call in self._all():
                if call.is_stalled(now):
                    call.give_up()

    def _has_calls(self) -> bool:
        with self._lock:
            self._looks = bool(self._calls)
            return self._looks


def _server_ends() -> Unavailable:
    return Unavailable("The server ends: take up again from the cursor")


WAITING = WaitingCalls()
