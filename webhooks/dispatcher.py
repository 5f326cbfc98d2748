"""The process that delivers webhooks: one thread queries the database, many wait for responses."""

import logging
import queue
import threading
import time
from collections import Counter

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from core.feed.events import CommitWatch
from webhooks.client import Client, PostFailed
from webhooks.errors import RefusedUrl
from webhooks.models import Endpoint
from webhooks.planning import Planner
from webhooks.pruning import prune_deliveries
from webhooks.sending import LeasedAttempt, Outcome, end_leases, lease_due, record
from webhooks.signing import signed_headers

log = logging.getLogger(__name__)

SHORTEST_PAUSE_S, LONGEST_PAUSE_S, IDLE_PAUSE_S = 0.001, 0.01, 0.25  # between two turns of the loop
PLAN_INTERVAL_S = 1  # longest time between two queries: a retry becomes due without a commit that CommitWatch could see
RETRY_S = 0.5  # between turns while the database is unavailable
PRUNE_S = 3600
SLOW_S = 2  # an endpoint is slow while its attempts take longer


class Dispatcher:
    """Plans deliveries, sends them and records outcomes until `end` is called. Several processes may each run one."""

    def __init__(self, threads: int) -> None:
        self._slots = EndpointSlots(threads)
        self._senders = Senders(threads)
        self._planner, self._watch = Planner(), CommitWatch()
        self._unrecorded: list[Outcome] = []
        self._is_ending = threading.Event()
        self._is_database_down = False
        self._has_more = False
        self._pause_s, self._longest_pause_s = SHORTEST_PAUSE_S, LONGEST_PAUSE_S
        self._looked_at, self._pruned_at = 0.0, time.monotonic()

    def end(self) -> None:
        self._is_ending.set()

    def run(self, *, grace_s: float) -> None:
        """Run until `end` is called; then wait up to `grace_s` for attempts in flight."""
        while not self._is_ending.is_set():
            self._unrecorded += self._senders.outcomes(self._pause_s)
            self._guarded()
        deadline = time.monotonic() + grace_s
        while self._senders.in_flight and time.monotonic() < deadline:
            self._unrecorded += self._senders.outcomes(LONGEST_PAUSE_S)
        self._leave()
        connection.close()

    def _guarded(self) -> None:
        """Run one turn of the loop. If the database is unavailable, wait RETRY_S, so that the next turn retries."""
        try:
            self._turn()
        except Error as error:
            if not self._is_database_down:
                log.warning("Webhooks: the database is unavailable, retrying: %s", error)
            self._is_database_down = True
            connection.close()
            self._watch, self._looked_at = CommitWatch(), 0.0  # a watch is valid for one connection
            time.sleep(RETRY_S)  # not Event.wait, which holds a lock: `end` in a signal handler would need that lock
        else:
            if self._is_database_down:
                log.warning("Webhooks: the database is available again")
            self._is_database_down = False

    def _turn(self) -> None:
        has_recorded = self._record()
        is_overdue = time.monotonic() - self._looked_at > PLAN_INTERVAL_S
        if self._watch.sees_something() or is_overdue or self._has_more:
            self._looked_at = time.monotonic()
            planned = self._planner.plan()
            self._has_more = bool(planned)
            self._longest_pause_s = IDLE_PAUSE_S if planned is None else LONGEST_PAUSE_S
            self._send()
            self._pause_s = SHORTEST_PAUSE_S
        elif has_recorded:
            self._send()
            self._pause_s = SHORTEST_PAUSE_S
        else:
            self._pause_s = min(self._pause_s * 1.5, self._longest_pause_s)
        if time.monotonic() - self._pruned_at > PRUNE_S:
            self._pruned_at = time.monotonic()
            prune_deliveries(days=settings.WEBHOOK_DAYS)

    def _record(self) -> bool:
        if not self._unrecorded:
            return False
        record(self._unrecorded)
        for outcome in self._unrecorded:
            self._slots.release(outcome)
        self._unrecorded = []
        return True

    def _send(self) -> None:
        scheduled = Endpoint.objects.with_scheduled_deliveries(timezone.now())
        for endpoint in sorted(scheduled, key=lambda endpoint: self._slots.in_use(endpoint.pk)):
            free = self._slots.free_for(endpoint.pk)
            for attempt in lease_due(endpoint, free) if free else ():
                self._slots.acquire(attempt.endpoint_id)
                self._senders.send(attempt)

    def _leave(self) -> None:
        try:
            self._record()
            end_leases(self._senders.in_flight)
        except Error as error:
            log.warning("Webhooks: the database is unavailable, so attempts in flight will be repeated: %s", error)
        self._senders.stop()


class EndpointSlots:
    """Limits the threads of each endpoint, so that a slow endpoint does not hold up the others.

    No endpoint has more than a quarter of the threads, and all slow endpoints share one half.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._in_use: Counter[int] = Counter()
        self._slow: set[int] = set()

    def in_use(self, endpoint_id: int) -> int:
        return self._in_use[endpoint_id]

    def free_for(self, endpoint_id: int) -> int:
        free = self._threads - self._in_use.total()
        own = max(1, self._threads // 4)
        if endpoint_id in self._slow:
            shared = max(1, self._threads // 2)
            others = [self._in_use[slow_id] for slow_id in self._slow - {endpoint_id}]
            free = min(free, shared - sum(others) - self._in_use[endpoint_id])
            own = max(1, min(own, shared // (1 + sum(map(bool, others)))))
        return max(0, min(free, own - self._in_use[endpoint_id]))

    def acquire(self, endpoint_id: int) -> None:
        self._in_use[endpoint_id] += 1

    def release(self, outcome: Outcome) -> None:
        endpoint_id = outcome.attempt.endpoint_id
        self._in_use[endpoint_id] -= 1
        if outcome.duration_s > SLOW_S:
            self._slow.add(endpoint_id)
        else:
            self._slow.discard(endpoint_id)


class Senders:
    """Threads that send and do not use the database. They are daemons, so that the process can exit at any time."""

    def __init__(self, threads: int) -> None:
        self._threads, self._client = threads, Client(threads)
        self._queue: queue.SimpleQueue[LeasedAttempt | None] = queue.SimpleQueue()
        # Not a SimpleQueue: its timed get waits forever if a signal handler runs longer than the timeout.
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._in_flight: dict[int, LeasedAttempt] = {}
        for number in range(threads):
            threading.Thread(target=self._work, name=f"webhook-{number}", daemon=True).start()

    @property
    def in_flight(self) -> list[LeasedAttempt]:
        return list(self._in_flight.values())

    def send(self, attempt: LeasedAttempt) -> None:
        self._in_flight[attempt.attempt_id] = attempt
        self._queue.put(attempt)

    def outcomes(self, wait_s: float) -> list[Outcome]:
        """Return the outcomes of finished attempts; wait up to `wait_s` for the first."""
        found = []
        try:
            found.append(self._outcomes.get(timeout=wait_s))
            while True:
                found.append(self._outcomes.get_nowait())
        except queue.Empty:
            for outcome in found:
                del self._in_flight[outcome.attempt.attempt_id]
            return found

    def stop(self) -> None:
        """End the threads once all queued attempts are finished."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self) -> None:
        while (attempt := self._queue.get()) is not None:
            self._outcomes.put(self._outcome(attempt))

    def _outcome(self, attempt: LeasedAttempt) -> Outcome:
        began_at = time.monotonic()

        def took_s() -> float:
            return time.monotonic() - began_at

        body = attempt.payload.encode()
        try:
            headers = signed_headers(
                attempt.secrets, message_id=attempt.message_id, timestamp=int(time.time()), body=body
            )
            answer = self._client.post(attempt.url, headers=headers, body=body, timeout_s=settings.WEBHOOK_TIMEOUT_S)
        except (PostFailed, RefusedUrl) as error:
            return Outcome(attempt, took_s(), error=str(error))
        except Exception as error:
            log.exception("A webhook could not be sent")
            return Outcome(attempt, took_s(), error=f"{type(error).__name__}: {error}")
        error_text = "" if 200 <= answer.status < 300 else f"The receiver answered {answer.status}"
        return Outcome(attempt, took_s(), answer.status, answer.body, error_text, answer.retry_after_s)
