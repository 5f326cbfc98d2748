"""Headers that announce the end of v1, if V1_DEPRECATED_ON is set; V1_SUNSET_ON adds the date of the end."""

from datetime import UTC, date, datetime, time

from django.conf import settings
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import http_date
from rest_framework.request import Request

from core.protocols.rest.versions import V1


def is_deprecated(version: str | None) -> bool:
    return version == V1 and settings.V1_DEPRECATED_ON is not None


def announce_deprecation(request: Request, response: HttpResponseBase) -> None:
    """Add Deprecation (RFC 9745), Sunset (RFC 8594), and Links to the documentation and to the successor in v2."""
    began_on: date = settings.V1_DEPRECATED_ON  # type: ignore[assignment]  # `is_deprecated` has checked that it is set
    response["Deprecation"] = f"@{_timestamp(began_on)}"
    if settings.V1_SUNSET_ON is not None:
        response["Sunset"] = http_date(_timestamp(settings.V1_SUNSET_ON))
    links = [
        response.get("Link", ""),
        f'<{reverse("docs")}?version=v2>; rel="deprecation"; type="text/html"',
        f'<{_successor(request.path)}>; rel="successor-version"',
    ]
    response["Link"] = ", ".join(filter(None, links))


def _successor(path: str) -> str:
    return "/api/v2/" + path.removeprefix("/api/").removeprefix("v1/")


def _timestamp(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
