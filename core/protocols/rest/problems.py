"""Refusals as problem documents (RFC 9457), the error format of v2."""

from urllib.parse import quote

from core.errors import CATALOGUE, DomainError
from core.server.logs import request_id

MEDIA_TYPE = "application/problem"  # followed by +json or +xml


def problem_of(refusal: DomainError, instance: str) -> dict[str, object]:
    """Build the document; `instance` is the requested path.

    `type` is a path on this server; the resource there describes the code in every protocol.
    """
    problem = {**problem_facts(refusal), "instance": quote(instance), "request_id": request_id.get()}
    if refusal.details:
        problem["details"] = refusal.details
    if refusal.retry_after_s is not None:
        problem["retry_after"] = refusal.retry_after_s
    return problem


def problem_facts(refusal: DomainError) -> dict[str, object]:
    """Return the fields that depend only on the refusal, for example for one row of a batch."""
    title = CATALOGUE[refusal.code].title
    facts: dict[str, object] = {
        "type": f"/api/problems/{refusal.code}",
        "title": title,
        "status": refusal.status,
        # The text is the same if the object does not exist and if the caller may not see it.
        "detail": title if refusal.code == "not_found" else refusal.message,
        "code": refusal.code,
    }
    if refusal.fields:
        facts["errors"] = refusal.fields
    return facts
