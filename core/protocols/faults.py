"""The default body and headers of a refusal. Protocols with another format use the headers only."""

from typing import Any

from core.errors import CATALOGUE, DomainError, Unauthenticated, UnsupportedEncoding
from core.server.logs import request_id


def body_of(refusal: DomainError) -> dict[str, object]:
    """Return the body of a refusal in v1."""
    # The text is the same if the object does not exist and if the caller may not see it.
    message = CATALOGUE["not_found"].title if refusal.code == "not_found" else refusal.message
    body: dict[str, Any] = {"error": message, "code": refusal.code, "request_id": request_id.get()}
    if refusal.fields:
        body["errors"] = refusal.fields
    if refusal.details:
        body["details"] = refusal.details
    if refusal.retry_after_s is not None:
        body["retry_after"] = refusal.retry_after_s
    return body


def headers_of(refusal: DomainError) -> dict[str, str]:
    """Return the headers of a refusal: WWW-Authenticate if it is a 401 (RFC 6750, 3), Retry-After (RFC 9110, 10.2.3).

    Accept-Encoding lists the content codings that a body may have (RFC 9110, 12.5.3).
    """
    headers = {}
    if refusal.code == "unauthenticated":
        is_bad_token = isinstance(refusal, Unauthenticated) and refusal.is_about_token
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if is_bad_token else "Bearer"
    if isinstance(refusal, UnsupportedEncoding):
        headers["Accept-Encoding"] = "identity"
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return headers
