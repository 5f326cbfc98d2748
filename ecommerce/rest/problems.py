"""Refusals as problem documents (RFC 9457), which is what v2 answers with."""

from typing import Any
from urllib.parse import quote

from ecommerce.errors import CATALOGUE, DomainError
from ecommerce.logs import request_id

MEDIA_TYPE = "application/problem"  # and the format's suffix


def problem_of(refusal: DomainError, instance: str) -> dict[str, Any]:
    """Build the document; `instance` is the path asked for.

    `type` is relative to the server, and what is there says the same of the code in every protocol.
    """
    problem = {**facts_of(refusal), "instance": quote(instance), "request_id": request_id.get()}
    if refusal.details:
        problem["details"] = refusal.details
    if refusal.retry_after_s is not None:
        problem["retry_after"] = refusal.retry_after_s
    return problem


def facts_of(refusal: DomainError) -> dict[str, Any]:
    """Return what a document says of the refusal alone, as for one row among many."""
    title = CATALOGUE[refusal.code].title
    facts: dict[str, Any] = {
        "type": f"/api/problems/{refusal.code}",
        "title": title,
        "status": refusal.status,
        # One text for what is not there and for what is not for this caller.
        "detail": title if refusal.code == "not_found" else refusal.message,
        "code": refusal.code,
    }
    if refusal.fields:
        facts["errors"] = refusal.fields
    return facts
