"""The REST version of a request, from its URL or its Accept header."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.versioning import BaseVersioning, URLPathVersioning

V1, V2 = VERSIONS = ("v1", "v2")
EVENT_STREAM = "text/event-stream"
URL = "v1|v2"  # the version in a URL, as a regular expression
_IN_PATH = re.compile(rf"/+api/({URL})(?:/|$)")
VENDOR_TYPE = re.compile(r"application/vnd\.myapi\.(v\d+)\+(\w+)", re.IGNORECASE)  # version and format


def vendor_type(version: str, format: str) -> str:
    return f"application/vnd.myapi.{version}+{format}"


class UrlOrAccept(URLPathVersioning):
    """The version in the URL, else in the vendor type of the response, else v1.

    An event stream has no vendor type. For a stream, the version is that of the first vendor type in Accept.
    """

    default_version = V1

    def determine_version(self, request: Request, *args: object, **kwargs: Any) -> str:
        accepted = getattr(request, "accepted_media_type", None) or ""
        named = request.headers.get("Accept") if accepted == EVENT_STREAM else accepted
        in_url: str | None = kwargs.get(self.version_param)
        return in_url or version_in(named)

    def reverse(
        self,
        viewname: str,
        args: Sequence[object] | None = None,
        kwargs: Mapping[str, object] | None = None,
        request: Request | None = None,
        format: str | None = None,
        **extra: object,
    ) -> str:
        """Put the version into every URL, so that a client can follow it without a vendor type in Accept."""
        kwargs = {**(kwargs or {}), self.version_param: (request and request.version) or V1}
        return BaseVersioning.reverse(self, viewname, args, kwargs, request, format, **extra)


def version_named(path: str, accept: str | None) -> str:
    """Return the version that a path names, else Accept; for refusals before a view has set the version."""
    if found := _IN_PATH.match(path):
        return found[1]
    return version_in(accept)


def version_in(accept: str | None) -> str:
    """Return the version of the first vendor type in an Accept header; v1 if there is none, or it is unknown."""
    vendor = VENDOR_TYPE.search(accept or "")
    return vendor[1].lower() if vendor and vendor[1].lower() in VERSIONS else V1
