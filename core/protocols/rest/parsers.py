"""Parsers of request bodies: JSON, newline-delimited JSON, and XML."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from core.errors import InvalidInput
from core.protocols.rest import markup
from core.validation.containers import check_containers
from core.validation.strict_json import BYTE_ORDER_MARK, charset_of, loads, read_body, utf8_body_of

Context = Mapping[str, Any]  # the view, its arguments and the request


class StrictJSONParser(BaseParser):
    """JSON with exact decimals. Refuses NaN, Infinity, duplicate names, invalid UTF-8 and too deep nesting."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context | None = None) -> Any:
        return loads(utf8_body_of(stream, media_type))


class NDJSONParser(BaseParser):
    """One JSON value per line; blank lines are ignored."""

    media_type = "application/x-ndjson"

    def parse(  # type: ignore[override]  # a list, not an object
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Context | None = None
    ) -> list[Any]:
        return list(_values(utf8_body_of(stream, media_type)))


class XMLParser(BaseParser):
    """XML as `markup` reads it: numbers are text, and an element with `xsi:nil="true"` is null."""

    media_type = "application/xml"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Context | None = None) -> Any:
        return markup.read_xml(read_body(stream), charset_of(media_type))


class ImageParser(BaseParser):
    """The bytes of an image. The content decides its format: a client may send it with the type of any bytes."""

    media_type = "image/*"

    def parse(  # type: ignore[override]  # bytes, not an object
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Context | None = None
    ) -> bytes:
        return read_body(stream)


class BytesParser(ImageParser):
    media_type = "application/octet-stream"


def _values(body: bytes) -> Iterator[object]:
    lines = body.removeprefix(BYTE_ORDER_MARK.encode()).split(b"\n")
    check_containers(body.decode(errors="replace"))
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield loads(line)
            except InvalidInput as refusal:
                raise InvalidInput(f"Line {number}: {refusal.message}") from refusal
