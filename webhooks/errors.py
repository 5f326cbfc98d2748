"""What the webhooks refuse."""

from ecommerce.errors import InvalidInput, NotFound


class EndpointNotFound(NotFound):
    """There is no such endpoint."""


class RefusedUrl(InvalidInput):
    """Nothing is sent to such an address."""

    def __init__(self, reason: str) -> None:
        super().__init__(fields={"url": reason})
