"""When a delivery that failed is tried again."""

import random
from datetime import timedelta

from django.conf import settings

JITTER = 0.2  # at most so much longer: what failed together does not come back together
LONGEST_WISH_S = 24 * 3600  # of a receiver that names its own pause


def pause_after(failures: int, wished_s: float | None = None) -> timedelta | None:
    """Return the pause after so many failures, not shorter than a receiver wished; None when it is given up."""
    pauses = settings.WEBHOOK_PAUSES_S
    if failures > len(pauses):
        return None
    own_s = pauses[failures - 1] * (1 + random.random() * JITTER)
    return timedelta(seconds=max(own_s, wished(wished_s)))


def wished(seconds: float | None) -> float:
    """Return a receiver's Retry-After within bounds; 0 without one."""
    return min(seconds or 0.0, LONGEST_WISH_S)
