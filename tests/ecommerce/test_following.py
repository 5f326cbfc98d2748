"""The change feed on the event loop: nothing missed or doubled, however often the waiting is cut off."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.db.models import F

from catalog.models import Product
from ecommerce.errors import CursorExpired, InvalidInput, Unavailable
from ecommerce.feed import hub as hub_module
from ecommerce.feed.events import Event, events_after, place_of_now
from ecommerce.feed.hub import Follower, hub
from ecommerce.live import following as following_module
from ecommerce.live import threads
from ecommerce.live.following import Following
from ecommerce.threads import ThreadPool
from tests.ecommerce.feed import is_reading, until
from tests.factories import make_product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use threads that end with the test, and their connections with them."""
    pool = ThreadPool("test-stream", size=2, max_waiting=10)
    monkeypatch.setattr(threads, "stream_threads", pool)
    monkeypatch.setattr(hub_module, "IDLE_S", 0.05)
    yield
    assert pool.stop(5)
    until(lambda: not is_reading(), "The feed's thread goes on with nobody to read for")
    assert hub._subscriptions == set()


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


async def stocks(following: Following, count: int, idle_s: float | None = None) -> list[int | None]:
    found: list[int | None] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [event.stock for event in await following.take(idle_s)]
    return found


def test_what_was_is_followed_by_what_comes_however_short_the_patience() -> None:
    async def walk() -> list[int | None]:
        place = str(await aside(place_of_now))
        product = await aside(lambda: make_product(stock=100))
        for _ in range(20):
            await aside(lambda: sell(product))
        async with await Following.open(everything, place) as following:
            before = await stocks(following, 21, idle_s=0.0001)
            selling = asyncio.gather(*(aside(lambda: sell(product)) for _ in range(20)))
            after = await stocks(following, 20, idle_s=0.0001)
            await selling
        return before + after

    assert asyncio.run(walk()) == [100, *range(99, 59, -1)]


def test_without_a_cursor_only_what_comes_is_told_and_silence_ends_the_wait() -> None:
    async def walk() -> tuple[list[Event], list[int | None], bool]:
        product = await aside(lambda: make_product(stock=5))
        async with await Following.open(everything) as following:
            silence = await following.take(0.05)
            at_start = following.cursor == str(await aside(place_of_now))
            await aside(lambda: sell(product))
            return silence, await stocks(following, 1), at_start

    assert asyncio.run(walk()) == ([], [4], True)


def test_nudge_ends_the_wait_with_nothing_and_costs_no_event() -> None:
    async def walk() -> tuple[list[Event], list[int | None]]:
        product = await aside(lambda: make_product(stock=5))
        async with await Following.open(everything) as following:
            asyncio.get_running_loop().call_later(0.05, following.nudge)
            nothing = await following.take()
            await aside(lambda: sell(product))
            following.nudge()
            return nothing, await stocks(following, 1)

    assert asyncio.run(walk()) == ([], [4])


def test_cursor_stays_behind_what_is_read_and_not_taken_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(place: int) -> list[Event]:
        time.sleep(0.2)
        return events_after(place)

    monkeypatch.setattr(hub_module, "events_after", slowly)

    async def walk() -> tuple[list[Event], str, list[int | None], str]:
        place = str(await aside(place_of_now))
        await aside(lambda: make_product(stock=100))
        async with await Following.open(everything, place) as following:
            nothing = await following.take(0.01)
            await asyncio.sleep(0.5)  # it is read by now
            return nothing, following.cursor, await stocks(following, 1), following.cursor

    nothing, before, taken, after = asyncio.run(walk())
    assert (nothing, taken, int(after) - int(before)) == ([], [100], 1)


@pytest.mark.parametrize(("cursor", "refusal"), [("x", InvalidInput), ("999999", CursorExpired)])
def test_cursor_that_is_none_is_refused(cursor: str, refusal: type[Exception]) -> None:
    async def walk() -> None:
        await Following.open(everything, cursor)

    with pytest.raises(refusal):
        asyncio.run(walk())


def test_end_of_the_server_reaches_one_that_waits() -> None:
    async def walk() -> None:
        async with await Following.open(everything) as following:
            asyncio.get_running_loop().call_later(0.05, hub.end_all, Unavailable("The server ends"))
            await following.take()

    with pytest.raises(Unavailable, match="The server ends"):
        asyncio.run(walk())


def test_stream_that_is_cancelled_while_it_opens_leaves_no_follower(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Follower] = []

    class Slow(Follower):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(following_module, "Follower", Slow)

    async def walk() -> None:
        opening = asyncio.ensure_future(Following.open(everything))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with asyncio.timeout(20):
            while not made or not made[0]._is_closed:
                await asyncio.sleep(0.005)

    asyncio.run(walk())
