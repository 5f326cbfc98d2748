"""The worker threads of calls, and the sending of their responses."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from core.errors import Unavailable


class GrpcWorkers(ThreadPoolExecutor):
    """Threads for the database queries of calls in progress; each has a database connection."""

    def __init__(self) -> None:
        super().__init__(4, thread_name_prefix="grpc-workers")


def server_ends() -> Unavailable:
    return Unavailable("The server is shutting down: retry, and resume a stream from its cursor")


class ResponseSender:
    """Sends the responses of calls, or holds them back. Each is given as the function that sends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Callable[[], None]] | None = None

    def send(self, response: Callable[[], None]) -> None:
        """Send a response; while responses are held back, keep it."""
        with self._lock:
            if self._kept is not None:
                self._kept.append(response)
                return
        response()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Hold responses back in the block, and send them when it ends."""
        with self._lock:
            self._kept = []
        try:
            yield
        finally:
            with self._lock:
                kept, self._kept = self._kept, None
            for response in kept:
                response()
