"""What the client of a stream is told of an error."""

import logging

from ecommerce.errors import DomainError, Unavailable
from ecommerce.rest.errors import as_domain_error
from ecommerce.threads import QueueFull

BUSY_RETRY_S = 1
log = logging.getLogger(__name__)


def refusal_of(error: Exception) -> DomainError:
    """Return an error as the domain's own. A fault goes to the log, and says nothing of itself."""
    if isinstance(error, QueueFull):
        return Unavailable("The server is busy", retry_after_s=BUSY_RETRY_S)
    refusal = as_domain_error(error)
    if refusal is None:
        log.error("A stream failed", exc_info=error)
    return refusal or DomainError()
