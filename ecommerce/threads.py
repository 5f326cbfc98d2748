"""Threads that do the event loop's blocking work, each with a database connection of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from django.db import connections

log = logging.getLogger(__name__)


class QueueFull(Exception):
    """So many jobs wait already that one more would wait too long."""


class ThreadPool:
    """`size` threads that do jobs in the order they came; at most `max_waiting` jobs wait for a thread.

    The threads start with the first job: a process that forks before it serves takes none along. They are daemons: a
    job that hangs must not keep the process from ending. With `keeps_connections` off, a thread closes its database
    connection after every job. One event loop uses a pool.
    """

    def __init__(self, name: str, *, size: int, max_waiting: int, keeps_connections: bool = True) -> None:
        self.name, self.size, self.max_waiting = name, size, max_waiting
        self.keeps_connections = keeps_connections
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._unfinished = 0  # written by the event loop's thread alone
        self._threads: list[threading.Thread] = []

    @property
    def is_busy(self) -> bool:
        """Whether a new job would have to wait."""
        return self._unfinished >= self.size

    async def run(self, job: Callable[..., Any], *args: Any) -> Any:
        """Return `job(*args)`, done on a thread. Raises QueueFull, and what the job raises."""
        if self._unfinished >= self.size + self.max_waiting:
            raise QueueFull
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._unfinished += 1
        self._jobs.put(lambda: self._do(loop, future, job, args))
        return await future

    def stop(self, timeout_s: float) -> bool:
        """End the threads when the jobs before are done; False when that took longer than `timeout_s`. Blocks."""
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self) -> None:
        for number in range(self.size):
            thread = threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            if not self.keeps_connections:
                connections.close_all()
        connections.close_all()

    def _do(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future, job: Callable[..., Any], args: Any) -> None:
        result, error = None, None
        try:
            result = job(*args)
        except BaseException as raised:  # noqa: BLE001  # raised again where the job was asked for
            error = raised
        try:
            loop.call_soon_threadsafe(self._settle, future, result, error)
        except RuntimeError:
            log.debug("A job of %s outlived its event loop.", self.name)

    def _settle(self, future: asyncio.Future, result: Any, error: BaseException | None) -> None:
        self._unfinished -= 1
        if future.done():  # cancelled: nobody waits any more
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
