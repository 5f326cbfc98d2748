"""Media types that name a version of REST."""

from collections.abc import Iterable, Mapping

from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from core.protocols.rest.versions import V1, VENDOR_TYPE, VERSIONS, vendor_type
from core.server.negotiation import TEXT_XML, XML, Negotiation, preferred

JSON, ANYTHING = "application/json", "*/*"
FORMATS = ("json", "xml")  # formats with a vendor type


class VersionedNegotiation(Negotiation):
    """Offers each format as its plain type and as a vendor type.

    If the URL names a version, only its vendor type is offered, else the vendor types of all versions.
    """

    def offers(self, request: Request, renderers: Iterable[BaseRenderer]) -> dict[str, BaseRenderer]:
        named = request.parser_context["view"].url_version
        return _offers(renderers, (named,) if named else VERSIONS)

    def readable(self, request: Request, parsers: Iterable[BaseParser]) -> list[str]:
        plain = super().readable(request, parsers)
        vendored = [
            vendor_type(request.version or V1, format) for format in FORMATS if f"application/{format}" in plain
        ]
        return [*plain, *([TEXT_XML] if XML in plain else []), *vendored]

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Read a vendor type of the request's version as the format it names, and text/xml as application/xml."""
        parser = super().select_parser(request, parsers)
        return parser or next((each for each in parsers if each.media_type == _plain_type(request)), None)


def offers_of(view: type[APIView], version: str) -> tuple[str, ...]:
    """Return the media types that a view offers at a URL with a version, the preferred one first."""
    return tuple(_offers((renderer() for renderer in view.renderer_classes), (version,)))


def is_json_preferred(headers: Mapping[str, str], offers: tuple[str, ...]) -> bool:
    """Whether the response is plain JSON, by the client's Accept."""
    accept = headers.get("accept", ANYTHING)
    return accept == ANYTHING or preferred(accept, offers) == JSON


def _offers(renderers: Iterable[BaseRenderer], versions: Iterable[str]) -> dict[str, BaseRenderer]:
    offers = {kind.media_type: kind for kind in renderers}
    vendored = [kind for kind in offers.values() if kind.media_type == f"application/{kind.format}"]
    offers |= {vendor_type(version, kind.format): kind for version in versions for kind in vendored}
    return offers | ({TEXT_XML: offers[XML]} if XML in offers else {})


def _plain_type(request: Request) -> str | None:
    """Return the plain media type if the Content-Type is text/xml or a vendor type of the request's version."""
    sent = (request.content_type or "").partition(";")[0].strip().lower()
    if sent == TEXT_XML:
        return XML
    vendor = VENDOR_TYPE.fullmatch(sent)
    return f"application/{vendor[2]}" if vendor and vendor[1] == request.version else None
