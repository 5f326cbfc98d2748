"""The process that tells endpoints of events: one thread asks the database, many wait for answers."""

import logging
import queue
import threading
import time
from collections import Counter

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from ecommerce.feed.events import Watch
from webhooks.client import Client, PostFailed
from webhooks.errors import RefusedUrl
from webhooks.models import Endpoint
from webhooks.planning import Planner
from webhooks.pruning import prune
from webhooks.sending import Outcome, Try, give_back, record, take
from webhooks.signing import signed_headers

log = logging.getLogger(__name__)

SHORTEST_NAP_S, LONGEST_NAP_S, IDLE_NAP_S = 0.001, 0.01, 0.25
LOOK_S = 1  # after a pause a delivery becomes due without a change that could be seen
RETRY_S = 0.5  # when the database is gone
PRUNE_S = 3600
SLOW_S = 2


class Dispatcher:
    """Plans, sends and records until it is told to end. Any number of processes may each run one."""

    def __init__(self, threads: int) -> None:
        self._lanes = Lanes(threads)
        self._senders = Senders(threads)
        self._planner, self._watch = Planner(), Watch()
        self._unrecorded: list[Outcome] = []
        self._is_ending = threading.Event()
        self._is_out = False  # the database
        self._has_more = False
        self._nap_s, self._longest_nap_s = SHORTEST_NAP_S, LONGEST_NAP_S
        self._looked_at, self._pruned_at = 0.0, time.monotonic()

    def end(self) -> None:
        self._is_ending.set()

    def run(self, *, grace_s: float) -> None:
        """Return when it was told to end, and what is under way has ended, or `grace_s` later."""
        while not self._is_ending.is_set():
            self._unrecorded += self._senders.outcomes(self._nap_s)
            self._guarded()
        deadline = time.monotonic() + grace_s
        while self._senders.under_way and time.monotonic() < deadline:
            self._unrecorded += self._senders.outcomes(LONGEST_NAP_S)
        self._leave()
        connection.close()

    def _guarded(self) -> None:
        """Take a turn; when the database is gone, try again until it is back."""
        try:
            self._turn()
        except Error as error:
            if not self._is_out:
                log.warning("Webhooks lost their database, and try again: %s", error)
            self._is_out = True
            connection.close()
            self._watch, self._looked_at = Watch(), 0.0  # another connection counts anew
            time.sleep(RETRY_S)  # not a wait for the end: a signal's handler would need the lock that it holds
        else:
            if self._is_out:
                log.warning("Webhooks have their database again")
            self._is_out = False

    def _turn(self) -> None:
        has_recorded = self._record()
        is_time = time.monotonic() - self._looked_at > LOOK_S
        if self._watch.sees_something() or is_time or self._has_more:
            self._looked_at = time.monotonic()
            planned = self._planner.plan()
            self._has_more = bool(planned)
            self._longest_nap_s = IDLE_NAP_S if planned is None else LONGEST_NAP_S
            self._send()
            self._nap_s = SHORTEST_NAP_S
        elif has_recorded:
            self._send()
            self._nap_s = SHORTEST_NAP_S
        else:
            self._nap_s = min(self._nap_s * 1.5, self._longest_nap_s)
        if time.monotonic() - self._pruned_at > PRUNE_S:
            self._pruned_at = time.monotonic()
            prune(days=settings.WEBHOOK_DAYS)

    def _record(self) -> bool:
        if not self._unrecorded:
            return False
        record(self._unrecorded)
        for outcome in self._unrecorded:
            self._lanes.leave(outcome)
        self._unrecorded = []
        return True

    def _send(self) -> None:
        waiting = Endpoint.objects.with_something_due(timezone.now())
        for endpoint in sorted(waiting, key=lambda endpoint: self._lanes.in_use(endpoint.pk)):
            room = self._lanes.room_for(endpoint.pk)
            for tried in take(endpoint, room) if room else ():
                self._lanes.enter(tried.endpoint_id)
                self._senders.send(tried)

    def _leave(self) -> None:
        try:
            self._record()
            give_back(self._senders.under_way)
        except Error as error:
            log.warning("Webhooks end without their database: what was under way is sent again. %s", error)
        self._senders.stop()


class Lanes:
    """How many threads each endpoint has: one that is slow must not hold up the others.

    No endpoint has more than a quarter of the threads, and those that are slow share one half.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._in_use: Counter[int] = Counter()
        self._slow: set[int] = set()

    def in_use(self, endpoint_id: int) -> int:
        return self._in_use[endpoint_id]

    def room_for(self, endpoint_id: int) -> int:
        free = self._threads - self._in_use.total()
        own = max(1, self._threads // 4)
        if endpoint_id in self._slow:
            shared = max(1, self._threads // 2)
            others = [self._in_use[slow_id] for slow_id in self._slow - {endpoint_id}]
            free = min(free, shared - sum(others) - self._in_use[endpoint_id])
            own = max(1, min(own, shared // (1 + sum(map(bool, others)))))
        return max(0, min(free, own - self._in_use[endpoint_id]))

    def enter(self, endpoint_id: int) -> None:
        self._in_use[endpoint_id] += 1

    def leave(self, outcome: Outcome) -> None:
        endpoint_id = outcome.tried.endpoint_id
        self._in_use[endpoint_id] -= 1
        if outcome.duration_s > SLOW_S:
            self._slow.add(endpoint_id)
        else:
            self._slow.discard(endpoint_id)


class Senders:
    """Threads that post, and ask no database. They are daemons: none of them keeps the process from ending."""

    def __init__(self, threads: int) -> None:
        self._threads, self._client = threads, Client(threads)
        self._tries: queue.SimpleQueue[Try | None] = queue.SimpleQueue()
        # Not a SimpleQueue: its timed get waits for ever when a signal's handler outlasts the timeout.
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._under_way: dict[int, Try] = {}
        for number in range(threads):
            threading.Thread(target=self._work, name=f"webhook-{number}", daemon=True).start()

    @property
    def under_way(self) -> list[Try]:
        return list(self._under_way.values())

    def send(self, tried: Try) -> None:
        self._under_way[tried.attempt_id] = tried
        self._tries.put(tried)

    def outcomes(self, wait_s: float) -> list[Outcome]:
        """Return what has ended, as soon as something has."""
        found = []
        try:
            found.append(self._outcomes.get(timeout=wait_s))
            while True:
                found.append(self._outcomes.get_nowait())
        except queue.Empty:
            for outcome in found:
                del self._under_way[outcome.tried.attempt_id]
            return found

    def stop(self) -> None:
        """End the threads once they have ended what they do."""
        for _ in range(self._threads):
            self._tries.put(None)

    def _work(self) -> None:
        while (tried := self._tries.get()) is not None:
            self._outcomes.put(self._outcome(tried))

    def _outcome(self, tried: Try) -> Outcome:
        began_at = time.monotonic()

        def took_s() -> float:
            return time.monotonic() - began_at

        body = tried.payload.encode()
        try:
            headers = signed_headers(tried.secrets, message_id=tried.message_id, timestamp=int(time.time()), body=body)
            answer = self._client.post(tried.url, headers=headers, body=body, timeout_s=settings.WEBHOOK_TIMEOUT_S)
        except (PostFailed, RefusedUrl) as error:
            return Outcome(tried, took_s(), error=str(error))
        except Exception as error:
            log.exception("A webhook could not be sent")
            return Outcome(tried, took_s(), error=f"{type(error).__name__}: {error}")
        error_text = "" if 200 <= answer.status < 300 else f"It answered {answer.status}"
        return Outcome(tried, took_s(), answer.status, answer.body, error_text, answer.retry_after_s)
