"""Threads whose writes are grouped: each item is written once, and its thread gets its own result."""

import threading
import time

import pytest

from core.postgresql.group_commit import GroupCommit
from tests.support.threads import at_once
from tests.support.waiting import wait_until

THREADS, ITEMS_OF_EACH = 8, 200


class Doubling(GroupCommit[int, int]):
    """Doubles numbers, and refuses a group with a negative one. `may_write` holds the first write back."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[int]] = []
        self.running = 0
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, items: list[int]) -> list[int]:
        self.running += 1
        assert self.running == 1
        self.groups.append(items)
        self.may_write.wait(60)
        time.sleep(0)  # lets other threads come in between
        self.running -= 1
        if min(items) < 0:
            raise ValueError(items)
        return [2 * item for item in items]


def joined_while_one_writes(together: Doubling, items: list[int]) -> list[object]:
    """Return the outcomes of the items, of which the first is written alone and the others afterwards."""
    together.may_write.clear()

    def first() -> int:
        return together.join(items[0])

    def later(item: int) -> int:
        wait_until(lambda: bool(together.groups))
        return together.join(item)

    def release() -> None:
        wait_until(lambda: len(together.waiting_items()) == len(items) - 1)
        together.may_write.set()

    return at_once(first, *[lambda item=item: later(item) for item in items[1:]], release)[:-1]


def test_lone_thread_writes_at_once() -> None:
    together = Doubling()

    assert [together.join(n) for n in range(3)] == [0, 2, 4]
    assert together.groups == [[0], [1], [2]]


def test_items_that_come_during_a_write_are_written_together() -> None:
    together = Doubling()

    assert joined_while_one_writes(together, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert [sorted(group) for group in together.groups] == [[1], [2, 3, 4]]
    assert together.join(5) == 10


def test_error_reaches_each_thread_of_the_group_and_no_other() -> None:
    together = Doubling()

    first, *others = joined_while_one_writes(together, [1, -2, 3])

    assert first == 2
    assert [type(error) for error in others] == [ValueError, ValueError]
    assert together.join(5) == 10


def test_error_of_the_first_write_leaves_the_next_group_alone() -> None:
    together = Doubling()

    first, *others = joined_while_one_writes(together, [-1, 2, 3])

    assert isinstance(first, ValueError)
    assert others == [4, 6]


def test_many_threads_get_their_own_results() -> None:
    together = Doubling()

    def joins(thread: int) -> list[int]:
        return [together.join(thread * ITEMS_OF_EACH + n) for n in range(ITEMS_OF_EACH)]

    outcomes = at_once(*[lambda thread=thread: joins(thread) for thread in range(THREADS)])

    assert [result for results in outcomes for result in results] == list(range(0, 2 * THREADS * ITEMS_OF_EACH, 2))
    assert sorted(item for group in together.groups for item in group) == list(range(THREADS * ITEMS_OF_EACH))
    assert together.waiting_items() == []


def test_result_that_is_missing_fails_the_whole_group() -> None:
    class Forgetful(Doubling):
        def write(self, items: list[int]) -> list[int]:
            return super().write(items)[1:]

    with pytest.raises(ValueError, match="shorter"):
        Forgetful().join(1)
