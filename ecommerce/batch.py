"""Many rows in one request, each with its own outcome."""

from collections.abc import Iterable, Sequence
from typing import Any

from rest_framework.serializers import Serializer

from ecommerce.errors import DomainError, InvalidInput
from ecommerce.serializers import checked

MAX_ROWS = 10_000


def checked_rows(rows: Any, serializer_class: type[Serializer]) -> list[dict[str, Any] | DomainError]:
    """Validate each row by itself: its values, or its refusal. Raises InvalidInput for what is no list of rows."""
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise InvalidInput(f"A list of 1 to {MAX_ROWS} rows is expected")
    return [_checked(row, serializer_class) for row in rows]


def _checked(row: Any, serializer_class: type[Serializer]) -> dict[str, Any] | DomainError:
    try:
        return checked(serializer_class, row)
    except DomainError as refusal:
        return refusal


def outcomes_of(rows: Sequence[Any], done: Iterable[Any]) -> list[Any]:
    """Put what became of the valid rows back among the refused ones, in the order they were sent."""
    outcomes = iter(done)
    return [row if isinstance(row, DomainError) else next(outcomes) for row in rows]
