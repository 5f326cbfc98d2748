"""Clients that keep sending into a stream although their budget is used up."""

from core.errors import DomainError, RateLimited

MAX_REFUSED = 100


class Flooded(RateLimited):
    """More than MAX_REFUSED messages in a row exceeded the budget: the stream ends."""

    def __init__(self, retry_after_s: int | None = None) -> None:
        super().__init__("Rate limit exceeded: the stream ends", retry_after_s=retry_after_s)


class FloodGuard:
    """Ends a stream after too many consecutive messages that were refused because they exceeded the budget."""

    def __init__(self) -> None:
        self._refused = 0

    def note(self, refusal: DomainError | None) -> None:
        """Record the refusal of a message, or None if it was accepted. Raises Flooded."""
        self._refused = self._refused + 1 if isinstance(refusal, RateLimited) else 0
        if refusal is not None and self._refused > MAX_REFUSED:
            raise Flooded(refusal.retry_after_s)
