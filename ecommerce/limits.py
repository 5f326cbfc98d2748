"""One budget of requests a minute for each caller, over all protocols and all processes."""

import hashlib
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings
from django.db import connection

from ecommerce.budgets import WINDOW_S, Budget
from ecommerce.errors import RateLimited
from ecommerce.models import RateCounter

WRITES_PER_BUDGET = 20  # a process draws a twentieth of a budget at a time: at most one request in so many writes
KNOWN_FOR_S = 1.0  # others draw too: how long what was seen of the shared budget is told
MAX_CALLERS_KEPT = 50_000
STREAM_RETRY_S = 10  # nobody knows when one of the caller's streams ends

log = logging.getLogger(__name__)


def spend_request(*, user_id: int | None, address: str) -> Budget | None:
    """Count one request of a signed-in user, or of a stranger at `address`. Raises RateLimited.

    Returns what is left, or None when budgets are off.
    """
    if user_id is None:
        return _spend("default", f"address:{address}", settings.RATE_ANONYMOUS_PER_MINUTE)
    return _spend("default", f"user:{user_id}", settings.RATE_USER_PER_MINUTE)


def spend_sign_in(*, name: str, address: str) -> None:
    """Count one try to sign in or to register, for the address and for the name. Raises RateLimited."""
    _spend("sign-in", f"sign-in:address:{address}", settings.RATE_SIGN_IN_PER_MINUTE)
    _spend("sign-in", f"sign-in:name:{name.casefold()}", settings.RATE_SIGN_IN_PER_MINUTE)


_streams: Counter[str] = Counter()
_streams_lock = threading.Lock()


def hold_stream(*, user_id: int | None, address: str) -> Callable[[], None]:
    """Count one open stream of a caller in this process; what is returned takes it back. Raises RateLimited."""
    most = settings.STREAMS_PER_CALLER
    caller = f"address:{address}" if user_id is None else f"user:{user_id}"
    with _streams_lock:
        if settings.RATE_LIMITS and _streams[caller] >= most:
            raise RateLimited(f"Rate limit exceeded: open streams max is {most}", retry_after_s=STREAM_RETRY_S)
        _streams[caller] += 1

    def release() -> None:
        with _streams_lock:
            _streams[caller] -= 1
            if not _streams[caller]:
                del _streams[caller]

    return release


@dataclass
class _Purse:
    """What this process has drawn of one caller's budget and not spent yet."""

    window: int
    left: int = 0
    undrawn: int = 0  # what nobody had drawn when this process last drew or looked
    known_until: float = 0.0  # when to look again, in Unix seconds
    is_empty: bool = False  # the whole budget is drawn: nothing to ask for until the next window


_purses: dict[str, _Purse] = {}
_purses_lock = threading.Lock()


def _spend(name: str, caller: str, limit: int) -> Budget | None:
    if not settings.RATE_LIMITS:
        return None
    now = time.time()
    is_refused, remaining = _take(caller, limit, now)
    resets_at = (_window_of(now) + 1) * WINDOW_S
    budget = Budget(name, limit, remaining, resets_at, resets_in_s=math.ceil(resets_at - now))
    if is_refused:
        raise RateLimited(retry_after_s=budget.resets_in_s, budget=budget)
    return budget


def _window_of(now: float) -> int:
    return int(now // WINDOW_S)


def _take(caller: str, limit: int, now: float) -> tuple[bool, int]:
    """Take one out of a caller's purse; say whether there was none, and what remains."""
    window = _window_of(now)
    with _purses_lock:
        purse = _purse_of(caller, window)
        is_paid = purse.left > 0
        purse.left -= is_paid
        if purse.is_empty or (is_paid and now < purse.known_until):
            return not is_paid, purse.left + purse.undrawn
    block = 0 if is_paid else max(1, limit // WRITES_PER_BUDGET)
    used = _used_after(caller, window, block)
    drawn = max(0, min(block, limit - (used - block)))
    with _purses_lock:
        purse.left += max(drawn - 1, 0)
        purse.undrawn, purse.known_until = max(0, limit - used), now + KNOWN_FOR_S
        if not is_paid:
            purse.is_empty = drawn == 0
        return not is_paid and drawn == 0, purse.left + purse.undrawn


def _purse_of(caller: str, window: int) -> _Purse:
    purse = _purses.get(caller)
    if purse is None or purse.window != window:
        if len(_purses) >= MAX_CALLERS_KEPT:
            _purses.clear()
        purse = _purses[caller] = _Purse(window)
    return purse


def _used_after(caller: str, window: int, block: int) -> int:
    """Draw a block of the shared budget, or with 0 only look; return what all have drawn then. One statement."""
    key = hashlib.sha256(caller.encode(errors="surrogatepass")).hexdigest()
    if settings.REDIS_URL:
        try:
            return _used_after_in_redis(key, window, block)
        except redis.RedisError as error:
            log.warning("Redis does not answer, the database counts instead: %s", error)
    return _used_after_in_database(key, window, block)


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)


def _used_after_in_redis(key: str, window: int, block: int) -> int:
    name = f"{settings.REDIS_PREFIX}rate:{key}:{window}"
    if not block:
        return int(_redis(settings.REDIS_URL).get(name) or 0)
    with _redis(settings.REDIS_URL).pipeline(transaction=True) as pipe:
        pipe.incrby(name, block)
        pipe.expire(name, 2 * WINDOW_S)
        return int(pipe.execute()[0])


_UPSERT = """
INSERT INTO ecommerce_ratecounter AS counter (key, "window", used) VALUES (%s, %s, %s)
ON CONFLICT (key) DO UPDATE SET "window" = excluded."window",
    used = CASE WHEN counter."window" = excluded."window" THEN counter.used ELSE 0 END + excluded.used
RETURNING used
"""
_SELECT = 'SELECT used FROM ecommerce_ratecounter WHERE key = %s AND "window" = %s'
_swept_window = 0


def _used_after_in_database(key: str, window: int, block: int) -> int:
    _sweep(window)
    with connection.cursor() as cursor:
        if block:
            cursor.execute(_UPSERT, [key, window, block])
        else:
            cursor.execute(_SELECT, [key, window])
        return int((cursor.fetchone() or [0])[0])


def _sweep(window: int) -> None:
    """Drop the counters of earlier minutes, once a minute."""
    global _swept_window
    if _swept_window != window:
        _swept_window = window
        RateCounter.objects.filter(window__lt=window).delete()
