"""Reading bodies: JSON to the letter (RFC 8259), newline-delimited JSON, and XML."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from ecommerce.errors import InvalidInput, TooLarge
from ecommerce.rest import markup


class StrictJSONParser(BaseParser):
    """JSON with exact decimals. Refuses NaN, Infinity, duplicate names, what is no UTF-8 and what nests too deep."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return loads(body_of(stream))


class NDJSONParser(BaseParser):
    """One JSON value a line; blank lines are passed over."""

    media_type = "application/x-ndjson"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> list[Any]:
        return list(_values(body_of(stream)))


class XMLParser(BaseParser):
    """XML as `markup` reads it: text where JSON has numbers, null where an element says `xsi:nil="true"`."""

    media_type = "application/xml"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        _, parameters = parse_header_parameters(media_type or "")
        return markup.read(body_of(stream), parameters.get("charset"))


def body_of(stream: Any) -> bytes:
    """Read a body of at most MAX_BODY_BYTES. Raises TooLarge."""
    body: bytes = stream.read(settings.MAX_BODY_BYTES + 1)
    if len(body) > settings.MAX_BODY_BYTES:
        raise TooLarge(f"Body max is {settings.MAX_BODY_BYTES} bytes")
    return body


def loads(body: bytes | str, *, parse_float: Callable[[str], Any] = Decimal) -> Any:
    """Read one JSON value. Raises InvalidInput."""
    try:
        return json.loads(
            body.decode() if isinstance(body, bytes) else body,
            parse_float=parse_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_names,
        )
    except RecursionError as error:
        raise InvalidInput("Invalid JSON: nested too deep") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"Invalid JSON: {error.msg.lower()} at line {error.lineno} column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("Invalid JSON: not UTF-8") from error
    except ValueError as error:
        raise InvalidInput("Invalid JSON: an integer of too many digits") from error


def _values(body: bytes) -> Iterator[Any]:
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                yield loads(line)
            except InvalidInput as refusal:
                raise InvalidInput(f"Line {number}: {refusal.message}") from refusal


def _refuse_constant(name: str) -> None:
    raise InvalidInput(f"Invalid JSON: {name} is no number")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise InvalidInput("Invalid JSON: a name stands twice in one object")
    return names
