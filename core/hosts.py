"""Requests whose Host is not one of ALLOWED_HOSTS."""

import logging
from functools import lru_cache

from core.errors import InvalidInput

log = logging.getLogger(__name__)


def refused_host(reason: str) -> InvalidInput:
    """Return the refusal of a request, and log the reason for the operator, once per Host."""
    _log(reason)
    return InvalidInput("This host is not served here")


@lru_cache(1_000)  # one line per name: whoever guesses names does not fill the log
def _log(reason: str) -> None:
    log.warning("A request is refused: %s", reason)
