"""Parses JSON strictly (RFC 8259), and reads request bodies up to their size limit."""

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cache
from math import isfinite
from typing import IO, Any

from django.conf import settings
from django.utils.http import parse_header_parameters

from core.errors import InvalidInput, TooLarge, UnsupportedMediaType
from core.validation.containers import check_containers

BYTE_ORDER_MARK = "\ufeff"


def charset_of(media_type: str | None) -> str | None:
    return parse_header_parameters(media_type or "")[1].get("charset") or None


def is_read_as_utf8(media_type: str | None) -> bool:
    """Whether a media type names no charset, UTF-8, or its subset US-ASCII: JSON must be UTF-8 (RFC 8259, 8.1)."""
    try:
        return (charset_of(media_type) or "utf-8").lower() in ("utf-8", "utf8", "us-ascii")
    except ValueError:  # its parameters can't be parsed
        return False


def read_body(stream: IO[bytes]) -> bytes:
    """Read a body of at most MAX_BODY_BYTES. Raises TooLarge."""
    body: bytes = stream.read(settings.MAX_BODY_BYTES + 1)
    if len(body) > settings.MAX_BODY_BYTES:
        raise TooLarge(f"Body max is {settings.MAX_BODY_BYTES} bytes")
    return body


def utf8_body_of(stream: IO[bytes], media_type: str | None) -> bytes:
    """Read a body that must be in UTF-8. Raises UnsupportedMediaType, TooLarge."""
    if not is_read_as_utf8(media_type):
        raise UnsupportedMediaType("The charset of JSON must be UTF-8")
    return read_body(stream)


def loads(body: bytes | str, *, parse_float: Callable[[str], object] = Decimal) -> Any:
    """Parse one JSON value; a leading byte order mark is ignored (RFC 8259, 8.1). Raises InvalidInput, TooComplex."""
    try:
        text = body.decode() if isinstance(body, bytes) else body
        check_containers(text)
        return _decoder(parse_float).decode(text.removeprefix(BYTE_ORDER_MARK))
    except RecursionError as error:
        raise InvalidInput("Invalid JSON: nested too deep") from error
    except json.JSONDecodeError as error:
        raise InvalidInput(f"Invalid JSON: {error.msg.lower()} at line {error.lineno} column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("Invalid JSON: not UTF-8") from error
    except ValueError as error:
        raise InvalidInput("Invalid JSON: an integer has too many digits") from error
    except InvalidOperation as error:
        raise InvalidInput("Invalid JSON: a number is out of range") from error


@cache
def _decoder(parse_float: Callable[[str], object]) -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=parse_float, parse_constant=_refuse_constant, object_pairs_hook=_unique_names)


def finite_float(text: str) -> float:
    """Parse a number as a float. Raises InvalidInput if it is too large for a float."""
    number = float(text)
    if not isfinite(number):
        raise InvalidInput("Invalid JSON: a number is out of range")
    return number


def _refuse_constant(name: str) -> None:
    raise InvalidInput(f"Invalid JSON: {name} is not allowed")


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise InvalidInput("Invalid JSON: an object has a duplicate name")
    return names
