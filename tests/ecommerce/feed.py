"""The change feed in tests: what it holds, and followers that are closed in the end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from ecommerce.feed import hub as hub_module
from ecommerce.feed.events import Event
from ecommerce.feed.hub import Follower, hub
from ecommerce.models import ChangeEvent

PATIENCE_S = 20


@contextmanager
def new_rows() -> Iterator[list[ChangeEvent]]:
    """Collect the rows that are written inside; the list is filled at the end."""
    before = ChangeEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    rows: list[ChangeEvent] = []
    yield rows
    rows += ChangeEvent.objects.filter(id__gt=before).order_by("id")


def by_hand(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


class Reader:
    """A follower, what it was told, and how often it was woken."""

    def __init__(self, after: str | None = None, match: Callable[[Event], bool] | None = None) -> None:
        self.events: list[Event] = []
        self.wakes = 0
        self._awake = threading.Event()
        self.follower = Follower(match or (lambda event: True), self._wake, after)

    def _wake(self) -> None:
        self.wakes += 1
        self._awake.set()

    def read(self) -> list[Event]:
        """Take what there is, to the end of a replay; return it."""
        before = len(self.events)
        while events := self.follower.take() or self.follower.is_replaying:
            self.events += events if isinstance(events, list) else []
        return self.events[before:]

    def read_until(self, count: int) -> list[Event]:
        """Take until there are so many; return all."""
        deadline = time.monotonic() + PATIENCE_S
        while self.read() or len(self.events) < count:
            assert time.monotonic() < deadline, f"Of {count} events {len(self.events)} came: {self.events}"
            self._awake.wait(0.05)
            self._awake.clear()
        return self.events


def until(holds: Callable[[], Any], what: str) -> None:
    """Wait for something. Raises AssertionError when it does not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def is_reading() -> bool:
    """Whether this process reads the feed."""
    return any(thread.name == "feed" for thread in threading.enumerate())


@contextmanager
def readers(monkeypatch: Any) -> Iterator[Callable[..., Reader]]:
    """Make readers; in the end close them and wait until the feed's thread has left the database."""
    monkeypatch.setattr(hub_module, "IDLE_S", 0.05)
    made: list[Reader] = []

    def make(*args: Any, **options: Any) -> Reader:
        made.append(Reader(*args, **options))
        return made[-1]

    yield make
    for reader in made:
        reader.follower.close()
    until(lambda: not is_reading(), "The feed's thread goes on with nobody to read for")
    assert hub._subscriptions == set()
