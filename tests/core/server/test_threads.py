"""Results of a pool's threads: each is returned or dropped, whenever its caller is cancelled."""

import asyncio
import threading

import pytest

from core.server.threads import ThreadPool


def test_result_that_comes_in_the_moment_of_a_cancellation_is_dropped() -> None:
    pool, dropped = ThreadPool("test", size=1, max_waiting=1), []

    async def cancel_as_the_result_comes() -> None:
        asking = asyncio.create_task(pool.run(lambda: "a seat", drop=dropped.append))
        is_next = threading.Event()
        following = asyncio.create_task(pool.run(is_next.set))
        await asyncio.sleep(0)  # both jobs are handed to the thread
        assert is_next.wait(10)  # the result is on its way to the event loop, which stands still here
        asyncio.get_running_loop().call_soon(asking.cancel)
        with pytest.raises(asyncio.CancelledError):
            await asking
        await following

    asyncio.run(cancel_as_the_result_comes())

    assert dropped == ["a seat"]
    assert pool.stop(5)


def test_pool_starts_with_the_next_job_if_no_thread_could_be_started() -> None:
    pool = ThreadPool("test", size=1, max_waiting=1)

    async def answer_to_the_next_job() -> str:
        usual = threading.stack_size(1 << 45)  # more than any machine has
        try:
            with pytest.raises(RuntimeError):
                await pool.run(str)
        finally:
            threading.stack_size(usual)
        async with asyncio.timeout(10):
            return await pool.run(str, "answer")

    assert asyncio.run(answer_to_the_next_job()) == "answer"
    assert pool.stop(5)
