"""The pause before a failed delivery is retried."""

import random
from datetime import timedelta

from django.conf import settings

JITTER = 0.2  # the largest share added to a pause, so that deliveries that failed together are not retried together
LONGEST_WISH_S = 24 * 3600  # the longest pause that a receiver may ask for


def pause_after(failures: int, wished_s: float | None = None) -> timedelta | None:
    """Return the pause after so many failures, at least as long as the receiver asked for; None if retries end."""
    pauses = settings.WEBHOOK_PAUSES_S
    if failures > len(pauses):
        return None
    own_s = pauses[failures - 1] * (1 + random.random() * JITTER)  # noqa: S311  # no secret
    return timedelta(seconds=max(own_s, wished(wished_s)))


def wished(seconds: float | None) -> float:
    """Return a receiver's Retry-After, at most LONGEST_WISH_S; 0 if there is none."""
    return min(seconds or 0.0, LONGEST_WISH_S)
