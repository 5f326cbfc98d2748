"""The response to OPTIONS (RFC 9110, 9.3.7)."""

from typing import Any

from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class Metadata(SimpleMetadata):
    """Lists the media types of a resource, but not its fields: they are in the OpenAPI document.

    Django REST framework would list the fields of a response as those of a request.
    """

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        return {}
