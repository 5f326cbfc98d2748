"""The threads of unary calls."""

import logging
import threading
from collections.abc import Iterator

import pytest

from core.protocols.rpc.calls import CallThreads
from tests.support.waiting import wait_until

SIZE = 2


@pytest.fixture
def threads() -> Iterator[CallThreads]:
    threads = CallThreads(SIZE)
    yield threads
    threads.shutdown()


def test_threads_start_when_calls_need_them(threads: CallThreads) -> None:
    names: list[str] = []
    done = threading.Event()
    threads.submit(lambda: (names.append(threading.current_thread().name), done.set()))

    assert done.wait(5)
    assert names == ["grpc-0"]


def test_at_most_size_calls_run_and_the_others_wait_in_order(threads: CallThreads) -> None:
    started: list[int] = []
    go = threading.Event()

    def job(number: int) -> None:
        started.append(number)
        go.wait(5)

    for number in range(SIZE + 2):
        threads.submit(job, number)
    wait_until(lambda: len(started) == SIZE)
    assert sorted(started) == [0, 1]
    go.set()

    wait_until(lambda: len(started) == SIZE + 2)
    assert sorted(started[SIZE:]) == [2, 3]


def test_thread_goes_on_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    threads, done = CallThreads(1), threading.Event()
    with caplog.at_level(logging.ERROR):
        threads.submit(lambda: 1 / 0)
        threads.submit(done.set)
        assert done.wait(5)
    threads.shutdown()

    assert "Unhandled error on a thread of calls" in caplog.text


def test_shutdown_drops_calls_that_wait_and_lets_others_end() -> None:
    threads, began, go, ended = CallThreads(1), threading.Event(), threading.Event(), []

    def job() -> None:
        began.set()
        go.wait(5)
        ended.append("first")

    threads.submit(job)
    assert began.wait(5)
    threads.submit(ended.append, "second")
    threads.submit(ended.append, "third")
    end = threading.Thread(target=threads.shutdown)
    end.start()
    wait_until(lambda: threads._jobs.qsize() == 1)  # the request to end, in place of two jobs
    go.set()
    end.join(5)

    assert ended == ["first"]
