"""The change feed in tests: its new rows, and readers that are closed after the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from core.feed import hub as hub_module
from core.feed.hub import Hub
from core.feed.reader import FeedReader
from core.models import ChangeEvent, Event
from core.runtime import singleton
from tests.support.waiting import wait_until


@contextmanager
def new_rows() -> Iterator[list[ChangeEvent]]:
    """Collect the rows that the block writes; the list is filled when the block ends."""
    before = ChangeEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    rows: list[ChangeEvent] = []
    yield rows
    rows += ChangeEvent.objects.filter(id__gt=before).order_by("id")


def by_hand(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


class Reader:
    """A feed reader, with the events it has read and the number of its wake-ups."""

    def __init__(self, after: str | None = None, match: Callable[[Event], bool] | None = None) -> None:
        self.events: list[Event] = []
        self.wakes = 0
        self.feed = FeedReader(match or (lambda event: True), self._wake, after)

    def _wake(self) -> None:
        self.wakes += 1

    def read(self) -> list[Event]:
        """Read all available events, to the end of a replay, and return them."""
        before = len(self.events)
        while events := self.feed.take() or self.feed.is_replaying:
            self.events += events if isinstance(events, list) else []
        return self.events[before:]

    def read_until(self, count: int) -> list[Event]:
        """Read until there are `count` events; return all events read so far."""
        wait_until(
            lambda: not self.read() and len(self.events) >= count,
            lambda: f"Of {count} events {len(self.events)} came: {self.events}",
        )
        return self.events


def is_reading() -> bool:
    """Whether this process reads the feed."""
    return any(thread.name == "feed" for thread in threading.enumerate())


@contextmanager
def readers(monkeypatch: Any) -> Iterator[Callable[..., Reader]]:
    """Yield a function that makes readers. Finally close them, and wait until the feed's thread has ended."""
    monkeypatch.setattr(hub_module, "IDLE_S", 0.05)
    made: list[Reader] = []

    def make(*args: Any, **options: Any) -> Reader:
        made.append(Reader(*args, **options))
        return made[-1]

    yield make
    for reader in made:
        reader.feed.close()
    wait_until(lambda: not is_reading(), "The feed's thread goes on with nobody to read for")
    assert singleton(Hub)._inboxes == set()
