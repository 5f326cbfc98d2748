"""Readers: what was and what comes, without a seam; and what becomes of the slow, the broken and the cut off."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models import F

from catalog.models import Product
from core.errors import CursorExpired, InvalidInput, Unavailable
from core.feed import hub as hub_module
from core.feed import inbox as inbox_module
from core.feed.events import newest_seq, position_now
from core.feed.hub import Hub
from core.feed.inbox import SlowReader
from core.feed.reader import FeedReader
from core.models import ChangeEvent, Event
from core.runtime import singleton
from tests.support.factories import make_product
from tests.support.feed import Reader, is_reading, readers
from tests.support.threads import at_once
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

MakeReader = Callable[..., Reader]


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeReader]:
    """Make readers: `follow(after, match)`; closed in the end."""
    with readers(monkeypatch) as make:
        yield make


@pytest.fixture
def product() -> Product:
    return make_product(stock=0)


def sell(product: Product, times: int = 1) -> None:
    for _ in range(times):
        Product.objects.filter(pk=product.pk).update(stock=F("stock") + 1)


def stocks(events: list[Event]) -> list[int | None]:
    return [event.stock for event in events]


# -- From now on ------------------------------------------------------------------------------------------------
def test_change_reaches_who_follows(follow: MakeReader, product: Product) -> None:
    reader = follow()

    Product.objects.filter(pk=product.pk).update(price=Decimal("19.99"), stock=3)

    (event,) = reader.read_until(1)
    assert (event.topic, event.kind, event.object_id) == ("product", "updated", product.pk)
    assert (event.price, event.stock, event.seq) == (Decimal("19.99"), 3, newest_seq())


def test_without_a_cursor_nothing_of_before_comes(follow: MakeReader, product: Product) -> None:
    earlier = follow()
    for stock in range(1, 30):
        sell(product)

        reader = follow()
        sell(product)

        assert stocks(reader.read_until(1))[0] == 2 * stock
        reader.feed.close()
    assert stocks(earlier.read_until(58)) == list(range(1, 59))


def test_who_follows_is_told_what_it_asked_for_alone(follow: MakeReader, product: Product) -> None:
    other = make_product(stock=0)
    reader = follow(match=lambda event: event.object_id == other.pk)

    sell(product, 3)
    sell(other)
    reader.read_until(1)
    sell(product, 2)
    wait_until(lambda: reader.read() == [] and int(reader.feed.cursor) == newest_seq(), "The cursor stands still")

    assert [(event.object_id, event.stock) for event in reader.events] == [(other.pk, 1)]


def test_nobody_is_woken_for_what_it_did_not_ask_for(follow: MakeReader, product: Product) -> None:
    silent, reader = follow(match=lambda event: False), follow()

    sell(product, 5)
    reader.read_until(5)

    assert silent.wakes == 0


def test_all_of_a_process_share_one_reader_and_its_connection(follow: MakeReader, product: Product) -> None:
    all_readers = [follow() for _ in range(50)]

    sell(product)

    assert [stocks(reader.read_until(1)) for reader in all_readers] == [[1]] * 50
    assert sum(thread.name == "feed" for thread in threading.enumerate()) == 1


# -- From a cursor on -------------------------------------------------------------------------------------------
def test_replay_goes_over_into_what_comes(follow: MakeReader, product: Product) -> None:
    begin = position_now()
    sell(product, 3)
    position_now()

    reader = follow(str(begin))
    was_replaying = reader.feed.is_replaying
    reader.read()
    sell(product, 2)

    assert was_replaying
    assert not reader.feed.is_replaying
    assert stocks(reader.read_until(5)) == [1, 2, 3, 4, 5]
    assert reader.feed.cursor == str(begin + 5)


def test_seam_between_replay_and_live_has_no_hole_and_no_double(follow: MakeReader, product: Product) -> None:
    begin = position_now()
    sell(product, 20)
    made: list[Reader] = []

    def follow_again_and_again() -> None:
        for _ in range(10):
            made.append(follow(str(begin)))
            made[-1].read()

    at_once(lambda: sell(product, 100), lambda: sell(product, 100), follow_again_and_again, follow_again_and_again)

    assert len(made) == 20
    for reader in made:
        assert stocks(reader.read_until(220)) == list(range(1, 221))


def test_reader_that_is_cut_off_at_any_event_goes_on_from_its_cursor(follow: MakeReader, product: Product) -> None:
    reader = follow()
    told: list[int | None] = []

    for count in (1, 2, 5, 3):
        sell(product, count)
        reader.read_until(1)
        told += stocks(reader.events)
        reader.feed.close()
        sell(product)
        reader = follow(reader.feed.cursor)
    told += stocks(reader.read_until(15 - len(told)))

    assert told == list(range(1, 16))


def test_replay_folds_nothing(follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "QUEUE_LENGTH", 4)
    begin = position_now()
    sell(product, 30)

    reader = follow(str(begin))

    assert stocks(reader.read_until(30)) == list(range(1, 31))


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "1" * 19])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        FeedReader(lambda event: True, lambda: None, cursor)


def test_place_that_never_was_is_refused(product: Product) -> None:
    with pytest.raises(CursorExpired):
        FeedReader(lambda event: True, lambda: None, str(position_now() + 1))


def test_replay_that_is_overtaken_by_pruning_is_expired(follow: MakeReader, product: Product) -> None:
    begin = position_now()
    sell(product, 5)
    position_now()
    reader = follow(str(begin))

    ChangeEvent.objects.filter(seq__lte=begin + 3).delete()

    with pytest.raises(CursorExpired):
        reader.feed.take()


# -- Slow readers -----------------------------------------------------------------------------------------------
def test_reader_whose_queue_ran_over_reads_on_in_the_feed(follow: MakeReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "QUEUE_LENGTH", 4)
    reader = follow()

    Product.objects.bulk_create([Product(name=f"P{n}", price=1, stock=n) for n in range(30)])
    wait_until(lambda: reader.feed.is_replaying, "The queue did not run over")

    assert stocks(reader.read_until(30)) == list(range(30))
    assert not reader.feed.is_replaying
    Product.objects.filter(stock=7).update(stock=70)
    assert stocks(reader.read_until(31))[-1] == 70


def test_stalled_reader_is_cut_off_and_resumes_and_nobody_else_notices(
    follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SWEEP_S", 0.02)
    stalled, reader = follow(), follow()
    (live,) = (live for live in singleton(Hub)._all() if live.wake == stalled._wake)

    sell(product, 3)
    reader.read_until(3)
    live._waiting_since -= inbox_module.STALLED_S + 1
    wait_until(lambda: live not in singleton(Hub)._all(), "It was not cut off")

    assert stalled.wakes >= 2
    with pytest.raises(SlowReader) as cut:
        stalled.feed.take()
    assert cut.value.code == "unavailable"
    sell(product)
    assert stocks(reader.read_until(4)) == [1, 2, 3, 4]
    assert stocks(follow(stalled.feed.cursor).read_until(4)) == [1, 2, 3, 4]


# -- Endings ----------------------------------------------------------------------------------------------------
def test_closed_reader_is_told_nothing(follow: MakeReader, product: Product) -> None:
    closed, other = follow(), follow()

    closed.feed.close()
    closed.feed.close()
    sell(product)
    other.read_until(1)

    assert (closed.wakes, closed.feed.take(), closed.feed.is_replaying) == (0, [], False)


def test_reader_closed_while_it_goes_live_leaves_nothing(
    follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = follow(str(position_now()))
    attach = singleton(Hub).attach

    def close_first(*args: Any) -> Any:
        live = attach(*args)
        reader.feed.close()
        return live

    monkeypatch.setattr(singleton(Hub), "attach", close_first)

    assert reader.feed.take() == []
    assert singleton(Hub)._all() == []
    assert not reader.feed.is_replaying


@pytest.mark.parametrize("fails", ["match", "wake"])
def test_reader_that_fails_ends_alone(follow: MakeReader, product: Product, fails: str) -> None:
    def fail(*args: Any) -> bool:
        raise ValueError("broken reader")

    good = follow()
    works: dict[str, Any] = {"match": lambda event: True, "wake": lambda: None}
    bad = FeedReader(**works | {fails: fail})

    sell(product)
    good.read_until(1)
    wait_until(lambda: len(singleton(Hub)._all()) == 1, "The broken one is still there")
    sell(product)

    assert stocks(good.read_until(2)) == [1, 2]
    if fails == "wake":
        assert stocks(bad.take()) == [1]  # what had come before it failed
    with pytest.raises(ValueError, match="broken reader"):
        bad.take()


# -- The reading thread -----------------------------------------------------------------------------------------
def test_thread_ends_with_the_last_reader_and_begins_again(follow: MakeReader, product: Product) -> None:
    for count in range(1, 4):
        reader = follow()
        sell(product)
        assert stocks(reader.read_until(1)) == [count]
        reader.feed.close()
        wait_until(lambda: not is_reading(), "The thread goes on")


def test_reader_that_comes_as_the_thread_ends_is_told_everything(
    follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "IDLE_S", 0)

    def come_and_go() -> list[bool]:
        counts = []
        for _ in range(15):
            reader = follow(match=lambda event: event.kind == "created")
            make_product(stock=0)
            counts.append(len(reader.read_until(1)) >= 1)
            reader.feed.close()
        return counts

    assert at_once(*[come_and_go] * 3) == [[True] * 15] * 3


@pytest.mark.usefixtures("requires_postgresql")
def test_reader_keeps_one_connection_and_gives_it_back(follow: MakeReader, product: Product) -> None:
    before = backends()
    made = [follow() for _ in range(10)]
    sell(product)
    made[-1].read_until(1)
    meanwhile = backends()

    for reader in made:
        reader.feed.close()
    wait_until(lambda: not is_reading(), "The thread goes on")

    assert len(meanwhile - before) == 1
    wait_until(lambda: backends() == before, "The connection is still open")


def backends() -> set[int]:
    """Return the connections to this database, without PostgreSQL's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


@pytest.mark.usefixtures("requires_postgresql")
def test_reader_whose_connection_is_cut_goes_on_where_it_was(
    follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "RETRY_S", 0.02)
    before = backends()
    reader = follow()

    for _ in range(5):
        sell(product, 2)
        for pid in backends() - before:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        sell(product, 2)

    assert stocks(reader.read_until(20)) == list(range(1, 21))


@pytest.mark.usefixtures("requires_postgresql")
def test_replay_on_a_connection_that_died_takes_another(follow: MakeReader, product: Product) -> None:
    begin = position_now()
    sell(product, 3)
    reader = follow(str(begin))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    at_once(lambda: connection.cursor().execute("SELECT pg_terminate_backend(%s)", [pid]))

    assert stocks(reader.read_until(3)) == [1, 2, 3]


@pytest.mark.parametrize("error", [DatabaseError("gone"), RuntimeError("a fault")])
def test_reader_that_fails_tries_again_and_misses_nothing(
    follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(hub_module, "RETRY_S", 0.01)
    reader, failures, number = follow(), iter(range(5)), hub_module.number_committed

    def fail_five_times() -> None:
        if next(failures, None) is not None:
            raise error
        number()

    monkeypatch.setattr(hub_module, "number_committed", fail_five_times)
    sell(product, 3)

    assert stocks(reader.read_until(3)) == [1, 2, 3]
    assert next(failures, None) is None


def test_feed_that_cannot_be_read_is_unavailable_and_then_is_not(
    follow: MakeReader, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer() -> int:
        raise DatabaseError("gone")

    monkeypatch.setattr(hub_module, "RETRY_S", 0.01)
    begin = str(position_now())
    with monkeypatch.context() as broken:
        broken.setattr(hub_module, "READY_S", 0.05)
        broken.setattr(hub_module, "position_now", no_answer)
        reader = follow(begin)
        with pytest.raises(Unavailable):
            reader.feed.take()

    sell(product)

    assert stocks(reader.read_until(1)) == [1]


@pytest.mark.parametrize("positions", [-3, 1_000])
def test_readers_of_a_feed_with_a_hole_or_begun_anew_are_told_to_begin_anew(
    follow: MakeReader, product: Product, positions: int
) -> None:
    sell(product, 5)
    reader = follow()
    ChangeEvent.objects.filter(seq__lt=newest_seq()).delete()

    with singleton(Hub)._lock:
        singleton(Hub).position += positions
    sell(product)
    wait_until(lambda: reader.wakes, "Nobody told the reader")

    with pytest.raises(CursorExpired):
        reader.feed.take()
    reader = follow()
    sell(product)
    assert stocks(reader.read_until(1)) == [7]
