"""The pause before a failed delivery is retried."""

import random
from datetime import timedelta

from django.conf import settings

JITTER = 0.2  # random share added to a pause at most: deliveries that failed together are not retried together
MAX_REQUESTED_PAUSE_S = 24 * 3600  # the longest pause that a receiver can request


def pause_after(failures: int, requested_s: float | None = None) -> timedelta | None:
    """Return the pause after so many failures, at least as long as the receiver requested; None if retries end."""
    pauses = settings.WEBHOOK_PAUSES_S
    if failures > len(pauses):
        return None
    own_s = pauses[failures - 1] * (1 + random.random() * JITTER)  # noqa: S311  # no secret
    return timedelta(seconds=max(own_s, capped(requested_s)))


def capped(seconds: float | None) -> float:
    """Return a receiver's Retry-After, at most MAX_REQUESTED_PAUSE_S; 0 if there is none."""
    return min(seconds or 0.0, MAX_REQUESTED_PAUSE_S)
