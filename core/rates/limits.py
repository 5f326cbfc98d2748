"""One budget of requests a minute for each caller, shared by all protocols and all processes."""

import hashlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from django.conf import settings

from core.breaker import Breaker
from core.budgets import WINDOW_S, Budget
from core.django_internals import connection_of_thread
from core.errors import RateLimited
from core.metrics.facts import note_refusal
from core.models import RateCounter
from core.rates.addresses import counted_address
from core.runtime import singleton
from core.text.folding import folded

WRITES_PER_BUDGET = 20  # a process draws a twentieth of a budget at a time, so that few requests write
KNOWN_FOR_S = 1.0  # how long a reading of the shared budget may be reported; other processes spend too
MAX_CALLERS_KEPT = 50_000
STREAM_RETRY_S = 10  # a guess: the server can't know when one of the caller's streams ends

REDIS_RETRY_S = 5  # after a timeout, which costs a caller half a second, the database counts for this long

log = logging.getLogger(__name__)


def spend_request(*, user_id: int | None, address: str) -> Budget | None:
    """Count one request of a signed-in user, or of an anonymous client at `address`. Raises RateLimited.

    Returns the remaining budget, or None if rate limits are off.
    """
    limit = settings.RATE_ANONYMOUS_PER_MINUTE if user_id is None else settings.RATE_USER_PER_MINUTE
    return _spend("default", _caller(user_id, address), limit)


def spend_sign_in(*, name: str, address: str) -> None:
    """Count one attempt to sign in or to register. Raises RateLimited.

    An address has a small budget for all names. A name has a larger budget for all addresses: it slows down an attack
    from many addresses. A single attacker can't use up that budget and lock the owner out, because the address is
    refused first.
    """
    _spend("sign-in", f"sign-in:address:{counted_address(address)}", settings.RATE_SIGN_IN_PER_MINUTE)
    _spend("sign-in-name", f"sign-in:name:{folded(name)}", settings.RATE_SIGN_IN_NAME_PER_MINUTE)


def _caller(user_id: int | None, address: str) -> str:
    return f"address:{counted_address(address)}" if user_id is None else f"user:{user_id}"


class StreamSlots:
    """The number of open streams of each caller in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, caller: str) -> None:
        """Count one more stream. Raises RateLimited."""
        most = settings.STREAMS_PER_CALLER
        with self._lock:
            if settings.RATE_LIMITS and self._open[caller] >= most:
                raise RateLimited(f"Rate limit exceeded: open streams max is {most}", retry_after_s=STREAM_RETRY_S)
            self._open[caller] += 1

    @property
    def open(self) -> int:
        return sum(self._open.copy().values())

    def release(self, caller: str) -> None:
        with self._lock:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


def hold_stream(*, user_id: int | None, address: str) -> Callable[[], None]:
    """Count one open stream of a caller in this process; return the function that releases it. Raises RateLimited."""
    caller, slots = _caller(user_id, address), singleton(StreamSlots)
    slots.take(caller)
    return partial(slots.release, caller)


@dataclass
class _Share:
    """The requests that this process has drawn from one caller's budget and not spent yet."""

    window: int
    left: int = 0
    undrawn: int = 0  # not drawn by any process when this process last drew or read the shared budget
    known_until: float = 0.0  # when to read the shared budget again, in Unix seconds
    is_empty: bool = False  # the whole budget is drawn: do not ask again until the next window
    drawing: Lock = field(default_factory=Lock)  # one thread draws; each of several would draw a block

    def is_known(self, now: float) -> bool:
        """Whether a request can be spent or refused without the shared budget."""
        return self.is_empty or (self.left > 0 and now < self.known_until)

    def spend(self) -> tuple[bool, int]:
        """Spend one request. Return whether it is refused, and the remaining budget."""
        is_paid = self.left > 0
        self.left -= is_paid
        return not is_paid, self.left + self.undrawn


class BudgetShares:
    """This process's shares of the callers' budgets, and what it needs to draw more."""

    def __init__(self) -> None:
        self.shares: dict[str, _Share] = {}
        self.lock = Lock()
        self.redis_breaker = Breaker(REDIS_RETRY_S)
        self.swept_window = 0

    def share_of(self, caller: str, window: int) -> _Share:
        share = self.shares.get(caller)
        if share is None or share.window != window:
            if len(self.shares) >= MAX_CALLERS_KEPT:
                self.shares.clear()
            share = self.shares[caller] = _Share(window)
        return share


def _spend(name: str, caller: str, limit: int) -> Budget | None:
    if not settings.RATE_LIMITS:
        return None
    now = time.time()
    window = int(now // WINDOW_S)
    is_refused, remaining = _take(caller, limit, now, window)
    resets_at = (window + 1) * WINDOW_S
    budget = Budget(name, limit, remaining, resets_at, resets_in_s=math.ceil(resets_at - now))
    if is_refused:
        note_refusal(name)
        raise RateLimited(retry_after_s=budget.resets_in_s, budget=budget)
    return budget


def _take(caller: str, limit: int, now: float, window: int) -> tuple[bool, int]:
    """Spend one request of a caller. Return whether it is refused, and the remaining budget."""
    budgets = singleton(BudgetShares)
    with budgets.lock:
        share = budgets.share_of(caller, window)
        if share.is_known(now):
            return share.spend()
    with share.drawing:
        with budgets.lock:
            if share.is_known(now):  # another thread has drawn meanwhile
                return share.spend()
            block = 0 if share.left else max(1, limit // WRITES_PER_BUDGET)
        used = _used_after(caller, window, block)
        drawn = max(0, min(block, limit - (used - block)))
        with budgets.lock:
            share.left += drawn
            share.undrawn, share.known_until = max(0, limit - used), now + KNOWN_FOR_S
            share.is_empty = share.left == 0
            return share.spend()


def _used_after(caller: str, window: int, block: int) -> int:
    """Draw `block` requests of the shared budget, or 0 to only read it. Return the total drawn. One statement."""
    key = hashlib.sha256(caller.encode(errors="surrogatepass")).hexdigest()
    breaker = singleton(BudgetShares).redis_breaker
    if settings.REDIS_URL and breaker.admits():
        from core.rates import redis_counters  # late: see there

        try:
            with breaker.trying(redis_counters.RedisError):
                return redis_counters.used_after(key, window, block)
        except redis_counters.RedisError as error:
            log.warning("Redis does not answer, the database counts instead for %s s: %s", REDIS_RETRY_S, error)
    return _used_after_in_database(key, window, block)


_UPSERT = """
INSERT INTO ecommerce_ratecounter AS counter (key, "window", used) VALUES (%s, %s, %s)
ON CONFLICT (key) DO UPDATE SET "window" = excluded."window",
    used = CASE WHEN counter."window" = excluded."window" THEN counter.used ELSE 0 END + excluded.used
RETURNING used
"""
_SELECT = 'SELECT used FROM ecommerce_ratecounter WHERE key = %s AND "window" = %s'


def _used_after_in_database(key: str, window: int, block: int) -> int:
    _sweep(window)
    database = connection_of_thread()
    rows = database.rows_written(_UPSERT, [key, window, block]) if block else database.rows_of(_SELECT, [key, window])
    return int(rows[0][0]) if rows else 0


def _sweep(window: int) -> None:
    """Drop the counters of earlier minutes, once a minute."""
    budgets = singleton(BudgetShares)
    if budgets.swept_window != window:
        budgets.swept_window = window
        RateCounter.objects.filter(window__lt=window).delete()
