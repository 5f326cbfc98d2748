"""The response to a batch of rows."""

from collections.abc import Sequence

from django.db.models import Model

from core.errors import DomainError
from core.protocols.rest.problems import problem_facts
from core.protocols.rest.versions import V2


def batch_body(
    outcomes: Sequence[Model | DomainError],
    link: tuple[str, str],
    version: str | None,
    *,
    done: str = "created",
    status: int = 201,
) -> dict[str, object]:
    """Return the result of each row, in the order sent; `link` is a row's URL before and after the id.

    `done` is the key for the number of written rows, and `status` is the status of each of them.
    """
    refused = problem_facts if version == V2 else _refused
    results = []
    for index, outcome in enumerate(outcomes):
        result = refused(outcome) if isinstance(outcome, DomainError) else _written(outcome, link, status)
        results.append({"index": index, **result})
    written = sum(result["status"] == status for result in results)
    return {done: written, "failed": len(results) - written, "results": results}


def _written(row: Model, link: tuple[str, str], status: int) -> dict[str, object]:
    before, after = link
    return {"status": status, "id": row.pk, "url": f"{before}{row.pk}{after}"}


def _refused(refusal: DomainError) -> dict[str, object]:
    return {"status": refusal.status, "error": refusal.message, "code": refusal.code, "errors": refusal.fields}
