"""The queue of a live reader: what it keeps while there is room, what when there is none."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from core.feed import inbox as module
from core.feed.inbox import QUEUE_LENGTH, Inbox, Overrun, SlowReader
from core.models import Event


def event(seq: int, product_id: int) -> Event:
    return Event(seq, "product", "updated", product_id, None, Decimal(1), seq, None, datetime(2026, 1, 1, tzinfo=UTC))


def inbox() -> Inbox:
    return Inbox(lambda event: True, lambda: None, position=0)


def test_nothing_is_folded_while_there_is_room() -> None:
    live = inbox()
    events = [event(seq, seq % 3) for seq in range(1, QUEUE_LENGTH + 1)]

    for first in range(0, QUEUE_LENGTH, 7):
        live.offer(events[first : first + 7])

    assert live.take() == events
    assert live.taken == QUEUE_LENGTH


def test_full_queue_keeps_the_newest_of_each_product_in_order() -> None:
    live = inbox()

    live.offer([event(seq, seq % 5) for seq in range(1, 1_000)])
    live.offer([event(1_000, 2), event(1_001, 2)])  # one more than there is room for
    live.offer([event(1_002, 2)])

    assert QUEUE_LENGTH == 1_000
    assert [(e.seq, e.object_id) for e in live.take()] == [
        (995, 0),
        (996, 1),
        (998, 3),
        (999, 4),
        (1_001, 2),
        (1_002, 2),
    ]
    assert live.taken == 1_002


def test_order_and_product_of_one_number_are_not_folded_into_each_other() -> None:
    live = inbox()
    order = Event(1, "order", "moved", 7, 3, None, None, "paid", datetime(2026, 1, 1, tzinfo=UTC))

    live.offer([order, *(event(seq, 7) for seq in range(2, QUEUE_LENGTH + 2))])

    assert [(e.seq, e.topic) for e in live.take()] == [(1, "order"), (QUEUE_LENGTH + 1, "product")]


def test_queue_that_folding_does_not_help_is_given_up() -> None:
    live = inbox()

    live.offer([event(seq, seq) for seq in range(1, QUEUE_LENGTH + 2)])
    live.offer([event(QUEUE_LENGTH + 2, 1)])

    assert live.is_overrun
    assert live.taken == 0
    with pytest.raises(Overrun):
        live.take()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock whose one item is the time, in seconds."""
    now = [1_000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_reader_that_takes_nothing_of_what_waits_is_cut_off(clock: list[float]) -> None:
    live = inbox()
    live.offer([event(1, 1)])

    clock[0] += 20
    live.offer([event(2, 1)])
    assert not live.end_if_stalled()
    clock[0] += 11

    assert live.end_if_stalled()
    with pytest.raises(SlowReader):
        live.take()
    assert live.taken == 0


def test_reader_that_had_nothing_to_take_for_long_is_not_stalled(clock: list[float]) -> None:
    live = inbox()

    clock[0] += 3_600
    live.offer([event(1, 1)])
    assert not live.end_if_stalled()
    clock[0] += 29

    assert live.take() == [event(1, 1)]
    clock[0] += 3_600
    assert not live.end_if_stalled()


def test_reader_that_leaves_an_overrun_queue_is_cut_off_too(clock: list[float]) -> None:
    live = inbox()
    live.offer([event(seq, seq) for seq in range(1, QUEUE_LENGTH + 2)])

    clock[0] += 31

    assert live.end_if_stalled()
    with pytest.raises(SlowReader):
        live.take()
