"""Which version of REST a request is in, and the format of its answer: by the URL and by Accept."""

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.http import HttpRequest
from django.http.request import MediaType
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.versioning import BaseVersioning, URLPathVersioning

V1, V2 = VERSIONS = ("v1", "v2")
EVENT_STREAM = "text/event-stream"
URL = "v1|v2"  # the version in a URL, as a regular expression
_PARAMETER = re.compile(r""";\s*(?!q\s*=)[^;,"]+(?:"[^"]*")?""", re.IGNORECASE)
_PLAIN_XML = re.compile(r"application/xml\s*(;[^,]*)?(,|$)")
_VENDOR = re.compile(r"application/vnd\.myapi\.(v\d+)\+(\w+)", re.IGNORECASE)


def vendor_type(version: str, format: str) -> str:
    return f"application/vnd.myapi.{version}+{format}"


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the media type that an Accept header likes best, by weight and then in the order offered."""
    return offers[0] if accept is None else _preferred(accept, tuple(offers))


@lru_cache(1024)
def _preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    request = HttpRequest()
    if "text/html" in accept and "*/*" in accept:  # a browser, whose reader has asked for no XML
        accept = _PLAIN_XML.sub("", accept)
    # Parameters say nothing of formats that have none; Django takes one that is asked for as one that is missing.
    request.META["HTTP_ACCEPT"] = accept = _PARAMETER.sub("", accept)
    ranges = [MediaType(each) for each in accept.split(",") if each.strip()]
    return request.get_preferred_type([offer for offer in offers if not _is_refused(offer, ranges)])


def _is_refused(offer: str, ranges: Sequence[MediaType]) -> bool:
    """Whether the most specific range that holds an offer has weight 0 (RFC 9110, 12.4.2); Django passes it over."""
    found = [each for each in ranges if each.match(offer)]
    return bool(found) and max(found, key=attrgetter("specificity", "quality")).quality == 0


class Negotiation(DefaultContentNegotiation):
    """Offers each format as itself and as the vendor type of the version; without one in the URL, of any version."""

    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        named = request.parser_context["view"].url_version
        versions = (named,) if named else VERSIONS
        offers = {renderer.media_type: renderer for renderer in renderers}
        vendored = [kind for kind in renderers if kind.media_type == f"application/{kind.format}"]
        offers |= {vendor_type(version, kind.format): kind for version in versions for kind in vendored}
        chosen = preferred(request.headers.get("Accept"), list(offers))
        if chosen is None:
            raise NotAcceptable()
        return offers[chosen], chosen

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser | None:
        """Read a vendor type of the request's version as the format it names."""
        vendor = _VENDOR.match(request.content_type or "")
        if vendor is None:
            return super().select_parser(request, parsers)
        wanted = f"application/{vendor[2].lower()}" if vendor[1].lower() == request.version else None
        return next((parser for parser in parsers if parser.media_type == wanted), None)


class UrlOrAccept(URLPathVersioning):
    """The version in the URL, else that of the vendor type, else the first.

    An event stream has no vendor type: of which version it tells, a client says by one that it names beside it.
    """

    default_version = V1

    def determine_version(self, request: Request, *args: Any, **kwargs: Any) -> str:
        accepted = getattr(request, "accepted_media_type", None) or ""
        named = request.headers.get("Accept") if accepted == EVENT_STREAM else accepted
        return kwargs.get(self.version_param) or version_in(named)

    def reverse(self, viewname: str, args: Any = None, kwargs: Any = None, request: Any = None, *more: Any) -> str:
        """Name the version in every URL: a client that follows it needs no header for it."""
        kwargs = {**(kwargs or {}), self.version_param: request.version or V1}
        return BaseVersioning.reverse(self, viewname, args, kwargs, request, *more)


def version_named(path: str, accept: str | None) -> str:
    """Return the version to refuse in where no view has settled one."""
    if path.startswith(("/api/v1", "/api/v2")):
        return path[5:7]
    return version_in(accept)


def version_in(accept: str | None) -> str:
    """Return the version whose vendor type an Accept header names first, or the first version."""
    vendor = _VENDOR.search(accept or "")
    return vendor[1].lower() if vendor and vendor[1].lower() in VERSIONS else V1
