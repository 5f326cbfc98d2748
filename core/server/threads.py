"""Threads for the event loop's blocking work, each with its own database connection."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

from core.errors import Unavailable
from core.server.tracing.hooks import with_current_span

BUSY_RETRY_S = LATE_RETRY_S = 1
Result = TypeVar("Result")
log = logging.getLogger(__name__)


class QueueFull(Unavailable):
    """Too many jobs wait for a thread: one more would wait too long."""

    def __init__(self) -> None:
        super().__init__("The server is busy", retry_after_s=BUSY_RETRY_S)


def no_answer() -> Unavailable:
    """Return the refusal for a call that takes longer than ANSWER_TIMEOUT_S."""
    return Unavailable("No answer in time", retry_after_s=LATE_RETRY_S)


class ThreadPool:
    """`size` threads that run jobs in the order of arrival; at most `max_waiting` jobs wait for a thread.

    The threads start with the first job: the process may fork before it serves, and a fork does not copy threads. They
    are daemons: a job that hangs must not keep the process from exiting. If `keeps_connections` is off, a thread closes
    its database connection after every job. Only one event loop may use a pool.
    """

    def __init__(self, name: str, *, size: int, max_waiting: int, keeps_connections: bool = True) -> None:
        self.name, self.size, self.max_waiting = name, size, max_waiting
        self.keeps_connections = keeps_connections
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._unfinished = 0  # written by the event loop's thread alone
        self._threads: list[threading.Thread] = []

    @property
    def unfinished(self) -> int:
        """The number of jobs that run or wait."""
        return self._unfinished

    @property
    def is_busy(self) -> bool:
        """Whether a new job has to wait."""
        return self._unfinished >= self.size

    async def ask(
        self, job: Callable[..., Result], *args: object, drop: Callable[[Result], None] | None = None
    ) -> Result:
        """Call `run`, but wait for at most ANSWER_TIMEOUT_S. Raises Unavailable after that time."""
        try:
            async with asyncio.timeout(settings.ANSWER_TIMEOUT_S) as timeout:
                return await self.run(job, *args, drop=drop)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            log.warning("No answer in time.")
            raise no_answer() from error

    async def run(
        self, job: Callable[..., Result], *args: object, drop: Callable[[Result], None] | None = None
    ) -> Result:
        """Return `job(*args)`, run on a thread. Raises QueueFull, and the exceptions of the job.

        If the caller is cancelled, a job that has not started does not run; the result of a started job goes to `drop`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self.put(partial(self._do, loop, future, drop, with_current_span(job), args))
        try:
            return await future
        except asyncio.CancelledError:
            # The job may have finished at the same moment, before the caller could take its result.
            if drop is not None and not future.cancelled() and future.exception() is None:
                drop(future.result())
            raise

    def put(self, job: Callable[[], None]) -> None:
        """Add a job, which must not raise. Call `note_end` on the event loop when it has ended. Raises QueueFull."""
        if self._unfinished >= self.size + self.max_waiting:
            raise QueueFull
        if not self._threads:
            self._start()
        self._unfinished += 1
        self._jobs.put(job)

    def note_end(self) -> None:
        self._unfinished -= 1

    def stop(self, timeout_s: float) -> bool:
        """End the threads after the queued jobs. Return False if that takes longer than `timeout_s`. Blocks."""
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self) -> None:
        for number in range(self.size):
            thread = threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True)
            thread.start()  # may raise: if it is the first, the next job tries again
            self._threads.append(thread)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            if not self.keeps_connections:
                connections.close_all()
        connections.close_all()

    def _do(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Result],
        drop: Callable[[Result], None] | None,
        job: Callable[..., Result],
        args: tuple[object, ...],
    ) -> None:
        result: Any = None  # of the job, if there is no error
        error = None
        try:
            if future.cancelled():
                raise asyncio.CancelledError
            result = job(*args)
        except BaseException as raised:  # noqa: BLE001  # raised again in the caller
            error = raised
        try:
            loop.call_soon_threadsafe(self._settle, future, drop, result, error)
        except RuntimeError:
            log.debug("A job of %s outlived its event loop.", self.name)

    def _settle(
        self,
        future: asyncio.Future[Result],
        drop: Callable[[Result], None] | None,
        result: Result,
        error: BaseException | None,
    ) -> None:
        self.note_end()
        if future.done():  # cancelled: its caller no longer waits
            if drop is not None and error is None:
                drop(result)
        elif error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
