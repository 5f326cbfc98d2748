"""The change feed on the event loop: nothing missed or doubled, however often the waiting is cut off."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.db.models import F

from catalog.models import Product
from core.errors import CursorExpired, InvalidInput, Unavailable
from core.feed import async_reader as async_reader_module
from core.feed import hub as hub_module
from core.feed import reader as reader_module
from core.feed.async_reader import AsyncFeedReader
from core.feed.events import events_after, position_now
from core.feed.hub import Hub
from core.feed.reader import FeedReader
from core.models import Event
from core.runtime import Runtime, singleton
from core.server.leases import Lease
from core.server.stream_threads import StreamThreads
from tests.support.factories import make_product
from tests.support.feed import is_reading
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_threads(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> Iterator[None]:
    """Use threads that end with the test, and their connections with them."""
    pool = runtime.get(StreamThreads)
    monkeypatch.setattr(hub_module, "IDLE_S", 0.05)
    yield
    assert pool.stop(5)
    wait_until(lambda: not is_reading(), "The feed's thread goes on with nobody to read for")
    assert singleton(Hub)._inboxes == set()


def everything(event: Event) -> bool:
    return True


def written(job: Callable[[], object]) -> object:
    """Do what asks the database on another thread than the event loop's."""
    try:
        return job()
    finally:
        connection.close()


async def aside(job: Callable[[], object]) -> object:
    return await asyncio.to_thread(written, job)


def sell(product: Product) -> None:
    Product.objects.filter(pk=product.pk).update(stock=F("stock") - 1)


async def stocks(reader: AsyncFeedReader, count: int, idle_s: float | None = None) -> list[int | None]:
    found: list[int | None] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [event.stock for event in await reader.take(idle_s)]
    return found


def test_what_was_is_followed_by_what_comes_however_short_the_patience() -> None:
    async def walk() -> list[int | None]:
        position = str(await aside(position_now))
        product = await aside(lambda: make_product(stock=100))
        for _ in range(20):
            await aside(lambda: sell(product))
        async with await AsyncFeedReader.open(everything, position) as reader:
            before = await stocks(reader, 21, idle_s=0.0001)
            selling = asyncio.gather(*(aside(lambda: sell(product)) for _ in range(20)))
            after = await stocks(reader, 20, idle_s=0.0001)
            await selling
        return before + after

    assert asyncio.run(walk()) == [100, *range(99, 59, -1)]


def test_without_a_cursor_only_what_comes_is_told_and_silence_ends_the_wait() -> None:
    async def walk() -> tuple[list[Event], list[int | None], bool]:
        product = await aside(lambda: make_product(stock=5))
        async with await AsyncFeedReader.open(everything) as reader:
            silence = await reader.take(0.05)
            at_start = reader.cursor == str(await aside(position_now))
            await aside(lambda: sell(product))
            return silence, await stocks(reader, 1), at_start

    assert asyncio.run(walk()) == ([], [4], True)


def test_nudge_ends_the_wait_with_nothing_and_costs_no_event() -> None:
    async def walk() -> tuple[list[Event], list[int | None]]:
        product = await aside(lambda: make_product(stock=5))
        async with await AsyncFeedReader.open(everything) as reader:
            asyncio.get_running_loop().call_later(0.05, reader.nudge)
            nothing = await reader.take()
            await aside(lambda: sell(product))
            reader.nudge()
            return nothing, await stocks(reader, 1)

    assert asyncio.run(walk()) == ([], [4])


def test_cursor_stays_behind_what_is_read_and_not_taken_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(position: int) -> list[Event]:
        time.sleep(0.2)
        return events_after(position)

    monkeypatch.setattr(reader_module, "events_after", slowly)

    async def walk() -> tuple[list[Event], str, list[int | None], str]:
        position = str(await aside(position_now))
        await aside(lambda: make_product(stock=100))
        async with await AsyncFeedReader.open(everything, position) as reader:
            nothing = await reader.take(0.01)
            await asyncio.sleep(0.5)  # it is read by now
            return nothing, reader.cursor, await stocks(reader, 1), reader.cursor

    nothing, before, taken, after = asyncio.run(walk())
    assert (nothing, taken, int(after) - int(before)) == ([], [100], 1)


@pytest.mark.parametrize(("cursor", "refusal"), [("x", InvalidInput), ("999999", CursorExpired)])
def test_cursor_that_is_none_is_refused(cursor: str, refusal: type[Exception]) -> None:
    async def walk() -> None:
        await AsyncFeedReader.open(everything, cursor)

    with pytest.raises(refusal):
        asyncio.run(walk())


@pytest.mark.parametrize("replays", [False, True])
def test_end_of_the_lease_reaches_one_that_waits_and_moves_no_cursor(
    monkeypatch: pytest.MonkeyPatch, replays: bool
) -> None:
    lease, may_go_on = Lease(), threading.Event()
    monkeypatch.setattr(reader_module, "events_after", lambda position: may_go_on.wait(20) and events_after(position))

    async def walk() -> tuple[str, str]:
        position = str(await aside(position_now))
        await aside(make_product)
        async with await AsyncFeedReader.open(everything, position if replays else None, lease) as reader:
            before = reader.cursor
            asyncio.get_running_loop().call_later(0.05, lease.end_with_server, Unavailable("The server ends"))
            for _ in range(2):
                with pytest.raises(Unavailable, match="The server ends"):
                    await reader.take()
            may_go_on.set()
            return before, reader.cursor

    try:
        before, after = asyncio.run(walk())
    finally:
        lease.close()
    assert before == after


def test_event_that_comes_as_the_lease_ends_is_left_for_the_next_stream() -> None:
    lease = Lease()

    async def walk() -> tuple[str, str]:
        product = await aside(lambda: make_product(stock=5))
        async with await AsyncFeedReader.open(everything, None, lease) as reader:
            before = reader.cursor
            await aside(lambda: sell(product))
            await asyncio.sleep(0.2)  # it waits in the inbox
            lease.end(Unavailable("The right ends"))
            with pytest.raises(Unavailable, match="The right ends"):
                await anext(reader)
            return before, reader.cursor

    try:
        before, after = asyncio.run(walk())
    finally:
        lease.close()
    assert before == after


def test_stream_that_is_cancelled_while_it_opens_leaves_no_follower(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FeedReader] = []
    has_begun, may_go_on = threading.Event(), threading.Event()

    class Slow(FeedReader):
        def __init__(self, *args: object) -> None:
            has_begun.set()
            may_go_on.wait()
            super().__init__(*args)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(async_reader_module, "FeedReader", Slow)

    async def walk() -> None:
        opening = asyncio.ensure_future(AsyncFeedReader.open(everything))
        while not has_begun.is_set():
            await asyncio.sleep(0.001)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        may_go_on.set()
        async with asyncio.timeout(20):
            while not made or not made[0]._is_closed:
                await asyncio.sleep(0.005)

    asyncio.run(walk())
