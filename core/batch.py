"""Many rows in one request, each with its own outcome."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from rest_framework.serializers import Serializer

from core.errors import DomainError, InvalidInput
from core.serializers import checked

MAX_ROWS = 10_000
Outcome = TypeVar("Outcome")


def checked_rows(
    rows: object, serializer_class: type[Serializer[Any]], most: int = MAX_ROWS
) -> list[dict[str, object] | DomainError]:
    """Return the validated values or the refusal of each row.

    Raises InvalidInput unless `rows` is a list of 1 to `most`.
    """
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        raise InvalidInput(f"A list of 1 to {most} rows is expected")
    return [_checked(row, serializer_class) for row in rows]


def _checked(row: object, serializer_class: type[Serializer[Any]]) -> dict[str, object] | DomainError:
    try:
        return checked(serializer_class, row)
    except DomainError as refusal:
        return refusal


def outcomes_of(rows: Sequence[object], done: Iterable[Outcome]) -> list[Outcome | DomainError]:
    """Merge the outcomes of the valid rows with the refused rows, in the order of the request."""
    outcomes = iter(done)
    return [row if isinstance(row, DomainError) else next(outcomes) for row in rows]
