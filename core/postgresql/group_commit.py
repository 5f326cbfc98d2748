"""Writes of several threads in one transaction, as databases group their commits.

The first thread writes at once. Those that come meanwhile wait, and then one of them writes for all. So a thread alone
does not wait, and the busier a process is, the more of its writes share the cost of a transaction.
"""

import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Call(NamedTuple, Generic[Item, Result]):
    item: Item
    result: "Future[Result | None]"  # None: its thread writes for all that wait


class GroupCommit(ABC, Generic[Item, Result]):
    """Collects the items of threads while another thread runs `write`, for the next run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_writing = False
        self._waiting: list[_Call[Item, Result]] = []
        self._next_began = threading.Semaphore(0)

    @abstractmethod
    def write(self, items: list[Item]) -> list[Result]:
        """Write the items, in the order of their arrival, and return a result for each, which is not None.

        What it raises is raised in each of their threads. It must return within a bounded time: other threads wait.
        """

    def join(self, item: Item) -> Result:
        """Return the result of `write` for this item. It runs in this thread or in another, for one at a time."""
        mine: _Call[Item, Result] = _Call(item, Future())
        with self._lock:
            self._waiting.append(mine)
            must_wait, self._is_writing = self._is_writing, True
        if must_wait and (result := mine.result.result()) is not None:
            return result
        with self._lock:
            calls, self._waiting = self._waiting, []
        if must_wait:
            self._next_began.release()
        return self._write(calls, mine)

    def waiting_items(self) -> list[Item]:
        """Return the items of the next group so far."""
        with self._lock:
            return [call.item for call in self._waiting]

    def _write(self, calls: list[_Call[Item, Result]], mine: _Call[Item, Result]) -> Result:
        others = [call for call in calls if call is not mine]
        try:
            try:
                results = self.write([call.item for call in calls])
            finally:
                self._hand_over()
            result_by_call = {id(call): result for call, result in zip(calls, results, strict=True)}
        except BaseException as error:
            for call in others:
                call.result.set_exception(
                    error if isinstance(error, Exception) else RuntimeError("The thread that wrote was interrupted")
                )
            raise
        for call in others:
            call.result.set_result(result_by_call[id(call)])
        return result_by_call[id(mine)]

    def _hand_over(self) -> None:
        """Let the thread that waits for the longest time write next.

        Waits until it begins: Python runs one thread at a time, and the next write should not wait for the responses
        to this one.
        """
        with self._lock:
            if not self._waiting:
                self._is_writing = False
                return
            self._waiting[0].result.set_result(None)
        self._next_began.acquire()
