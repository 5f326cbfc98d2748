"""Responses of the server itself to requests that no view answers."""

from functools import cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from core.errors import DomainError


class Written(Protocol):
    """The body and the headers of a response."""

    content: bytes
    headers: dict[str, str]


class Writer(Protocol):
    """Writes a refusal in the format of the API that `path` belongs to, by the request's Accept header."""

    def __call__(self, path: str, accept: str | None, refusal: DomainError) -> Written: ...


@cache
def writer() -> Writer:
    """Return the function that the setting REFUSAL_WRITER names."""
    return cast("Writer", import_string(settings.REFUSAL_WRITER))
