"""The errors of webhooks."""

from core.errors import InvalidInput, NotFound


class EndpointNotFound(NotFound):
    """The endpoint does not exist."""


class RefusedUrl(InvalidInput):
    """Webhooks may not be sent to this URL."""

    def __init__(self, reason: str) -> None:
        super().__init__(fields={"url": reason})
