"""Many rows in one request, each with its own result."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from ecommerce.errors import DomainError, InvalidInput
from ecommerce.rest.errors import as_domain_error

MAX_ROWS = 10_000


def checked_rows(rows: Any, serializer_class: type[Serializer]) -> list[dict[str, Any] | DomainError]:
    """Validate each row by itself: its values, or its refusal. Raises InvalidInput for what is no list of rows."""
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise InvalidInput(f"A JSON array, or NDJSON, of 1 to {MAX_ROWS} rows is expected")
    serializer = serializer_class()
    return [_checked(serializer, row) for row in rows]


def _checked(serializer: Serializer, row: Any) -> dict[str, Any] | DomainError:
    try:
        return serializer.run_validation(row)
    except (ValidationError, DomainError) as error:
        return as_domain_error(error) or InvalidInput()


def report(rows: Sequence[Any], done: Iterable[Any], url: Callable[[int], str]) -> dict[str, Any]:
    """Join refused rows and done rows, in the order they were sent."""
    results, outcomes = [], iter(done)
    for index, row in enumerate(rows):
        outcome = row if isinstance(row, DomainError) else next(outcomes)
        results.append(
            {"index": index} | (_refused(outcome) if isinstance(outcome, DomainError) else _made(outcome, url))
        )
    created = sum(result["status"] == 201 for result in results)
    return {"created": created, "failed": len(results) - created, "results": results}


def _made(row: Any, url: Callable[[int], str]) -> dict[str, Any]:
    return {"status": 201, "id": row.pk, "url": url(row.pk)}


def _refused(refusal: DomainError) -> dict[str, Any]:
    return {"status": refusal.status, "error": refusal.message, "code": refusal.code, "errors": refusal.fields}
