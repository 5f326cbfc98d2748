"""Content negotiation: the media types of request bodies and of responses."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter

from django.http import HttpRequest
from django.http.request import MediaType
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.errors import UnsupportedEncoding

XML, TEXT_XML = "application/xml", "text/xml"  # two names of one format (RFC 7303, 9.2)
_PARAMETER = re.compile(r""";\s*(?!q\s*=)[^;,"]+(?:"[^"]*")?""", re.IGNORECASE)
_PLAIN_XML = re.compile(r"(application|text)/xml\s*(;[^,]*)?(,|$)")


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offered media type that an Accept header prefers: by weight, then in the order offered.

    If the Accept header is missing or names no media type, it accepts all (RFC 9110, 12.5.1).
    """
    return _preferred(accept, tuple(offers)) if (accept or "").strip(" ,") else offers[0]


@lru_cache(1024)
def _preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    request = HttpRequest()
    if "text/html" in accept and "*/*" in accept:  # browsers accept XML, their users expect JSON
        accept = _PLAIN_XML.sub("", accept)
    # No offer has parameters. If a range in Accept has some, Django would not match it with the offer.
    request.META["HTTP_ACCEPT"] = accept = _PARAMETER.sub("", accept)
    ranges = [MediaType(each) for each in accept.split(",") if each.strip()]
    return request.get_preferred_type([offer for offer in offers if not _is_refused(offer, ranges)])


def _is_refused(offer: str, ranges: Sequence[MediaType]) -> bool:
    """Whether the most specific range that matches an offer has weight 0 (RFC 9110, 12.4.2). Django ignores that."""
    found = [each for each in ranges if each.match(offer)]
    return bool(found) and max(found, key=attrgetter("specificity", "quality")).quality == 0


class Negotiation(DefaultContentNegotiation):
    """Honours the weights of Accept, which DRF ignores, and refuses a body with a content coding."""

    def offers(self, request: Request, renderers: Iterable[BaseRenderer]) -> dict[str, BaseRenderer]:
        """Return the renderer of each offered media type, the preferred one first."""
        return {renderer.media_type: renderer for renderer in renderers}

    def readable(self, request: Request, parsers: Iterable[BaseParser]) -> list[str]:
        """Return the media types that a body may have."""
        return [parser.media_type for parser in parsers]

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        offers = self.offers(request, renderers)
        chosen = preferred(request.headers.get("Accept"), list(offers))
        if chosen is None:
            raise NotAcceptable()
        return offers[chosen], chosen

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        _check_coding(request.headers.get("Content-Encoding", ""))
        return super().select_parser(request, parsers)


def _check_coding(codings: str) -> None:
    """Raise UnsupportedEncoding if the body has a content coding, such as compression (RFC 9110, 8.4)."""
    if any(coding.strip().lower() not in ("", "identity") for coding in codings.split(",")):
        raise UnsupportedEncoding(f"Content-Encoding {codings} is not supported: send the body uncompressed")
