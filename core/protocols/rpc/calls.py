"""The worker threads of calls, and the sending of their responses."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Protocol

from core.errors import Unavailable

log = logging.getLogger(__name__)


class Threads(Protocol):
    """Threads that run jobs: `CallThreads`, or an executor."""

    def submit(self, job: Callable[..., object], /, *args: object) -> object: ...


class CallThreads:
    """Up to `size` threads that run calls in the order of arrival, each with a database connection.

    An executor would also make a Future for each job, with a lock and a condition. Here no code waits for it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._jobs: SimpleQueue[tuple[Callable[..., object], tuple[object, ...]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._unfinished = 0

    def submit(self, job: Callable[..., object], /, *args: object) -> None:
        with self._lock:
            self._unfinished += 1
            if self._unfinished > len(self._threads) < self.size:
                self._start()
        self._jobs.put((job, args))

    def shutdown(self) -> None:
        """Drop the waiting jobs, and return when the running jobs have ended."""
        try:
            while True:
                self._jobs.get_nowait()
        except Empty:
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"grpc-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        while (found := self._jobs.get()) is not None:
            job, args = found
            try:
                job(*args)
            except Exception:
                log.exception("Unhandled error on a thread of calls")  # the thread goes on with other calls
            with self._lock:
                self._unfinished -= 1


class GrpcWorkers(ThreadPoolExecutor):
    """Threads for the database queries of calls in progress; each has a database connection."""

    def __init__(self) -> None:
        super().__init__(4, thread_name_prefix="grpc-workers")


def server_ends() -> Unavailable:
    return Unavailable("The server is shutting down: retry, and resume a stream from its cursor")


class ResponseSender:
    """Sends the responses of calls, or holds them back. A response is passed as the function that sends it."""

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
