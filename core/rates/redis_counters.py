"""The counters of budgets in Redis. Imported only if REDIS_URL is set: the client takes 0.1 s to import."""

import redis
from django.conf import settings
from redis import RedisError

from core.budgets import WINDOW_S
from core.runtime import singleton

__all__ = ["RedisError", "used_after"]
TIMEOUT_S = 0.5


class _Client:
    """The process's client. A second one would close its connections, in use or not, when it is dropped."""

    def __init__(self) -> None:
        self.redis = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )


def used_after(key: str, window: int, block: int) -> int:
    """Draw `block` requests of the shared budget, or 0 to only read it. Return the total drawn. Raises RedisError."""
    name = f"{settings.REDIS_PREFIX}rate:{key}:{window}"
    if not block:
        return int(singleton(_Client).redis.get(name) or 0)
    with singleton(_Client).redis.pipeline(transaction=True) as pipe:
        pipe.incrby(name, block)
        pipe.expire(name, 2 * WINDOW_S)
        return int(pipe.execute()[0])
