"""The answer to many rows in one request."""

from collections.abc import Callable, Sequence
from typing import Any

from ecommerce.errors import DomainError
from ecommerce.rest.problems import facts_of
from ecommerce.rest.versions import V2


def report(outcomes: Sequence[Any], url: Callable[[int], str], version: str) -> dict[str, Any]:
    """Say of each row, in the order sent, what became of it; `url` makes an address of an id."""
    refused = facts_of if version == V2 else _refused
    results = []
    for index, outcome in enumerate(outcomes):
        result = refused(outcome) if isinstance(outcome, DomainError) else _made(outcome, url)
        results.append({"index": index, **result})
    created = sum(result["status"] == 201 for result in results)
    return {"created": created, "failed": len(results) - created, "results": results}


def _made(row: Any, url: Callable[[int], str]) -> dict[str, Any]:
    return {"status": 201, "id": row.pk, "url": url(row.pk)}


def _refused(refusal: DomainError) -> dict[str, Any]:
    return {"status": refusal.status, "error": refusal.message, "code": refusal.code, "errors": refusal.fields}
