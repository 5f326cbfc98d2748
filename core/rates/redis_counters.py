"""The counters of budgets in Redis. Imported only if REDIS_URL is set: the client takes 0.1 s to import."""

from functools import cache

import redis
from django.conf import settings
from redis import RedisError

from core.budgets import WINDOW_S

__all__ = ["RedisError", "used_after"]
TIMEOUT_S = 0.5


@cache
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)


def used_after(key: str, window: int, block: int) -> int:
    """Draw `block` requests of the shared budget, or 0 to only read it. Return the total drawn. Raises RedisError."""
    name = f"{settings.REDIS_PREFIX}rate:{key}:{window}"
    if not block:
        return int(_redis(settings.REDIS_URL).get(name) or 0)
    with _redis(settings.REDIS_URL).pipeline(transaction=True) as pipe:
        pipe.incrby(name, block)
        pipe.expire(name, 2 * WINDOW_S)
        return int(pipe.execute()[0])
