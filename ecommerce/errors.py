"""Every refusal the shop knows, and what it is called in each protocol. This table is the only place that says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecommerce.budgets import Budget


@dataclass(frozen=True)
class Status:
    """One code of the catalogue: HTTP status, gRPC status name, title. GraphQL's code is the code in capitals."""

    http: int
    grpc: str
    title: str


CATALOGUE: Mapping[str, Status] = {
    "invalid_input": Status(400, "INVALID_ARGUMENT", "Invalid input"),
    "too_complex": Status(400, "INVALID_ARGUMENT", "Too complex"),
    "unauthenticated": Status(401, "UNAUTHENTICATED", "Authorization required"),
    "forbidden": Status(403, "PERMISSION_DENIED", "Not permitted"),
    "not_found": Status(404, "NOT_FOUND", "Resource not found"),
    "method_not_allowed": Status(405, "UNIMPLEMENTED", "Method not allowed"),
    "not_acceptable": Status(406, "UNIMPLEMENTED", "Not acceptable"),
    "already_exists": Status(409, "ALREADY_EXISTS", "Already exists"),
    "version_mismatch": Status(409, "ABORTED", "Version mismatch"),
    "out_of_stock": Status(409, "FAILED_PRECONDITION", "Out of stock"),
    "invalid_transition": Status(409, "FAILED_PRECONDITION", "Invalid transition"),
    "idempotency_mismatch": Status(409, "ALREADY_EXISTS", "Idempotency key reused"),
    "in_progress": Status(409, "ABORTED", "In progress"),
    "cursor_expired": Status(410, "OUT_OF_RANGE", "Cursor expired"),
    "too_large": Status(413, "RESOURCE_EXHAUSTED", "Too large"),
    "unsupported_media_type": Status(415, "UNIMPLEMENTED", "Unsupported media type"),
    "rate_limited": Status(429, "RESOURCE_EXHAUSTED", "Rate limit exceeded"),
    "internal": Status(500, "INTERNAL", "Internal server error"),
    "unavailable": Status(503, "UNAVAILABLE", "Service unavailable"),
}


class DomainError(Exception):
    """A refusal that a client is told.

    `fields` maps an input field to one text; `details` is for the caller's program (ids, figures);
    `retry_after_s` is whole seconds after which the same call may succeed; `budget` is what the call was counted in,
    where it came no further.
    """

    code = "internal"
    http_status: int | None = None  # only where HTTP says more than the catalogue: 412 for If-Match

    def __init__(
        self,
        message: str = "",
        *,
        fields: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.fields = dict(fields or {})
        self.message = message or "; ".join(self.fields.values()) or CATALOGUE[self.code].title
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s
        self.budget = budget
        super().__init__(self.message)

    @property
    def status(self) -> int:
        return self.http_status or CATALOGUE[self.code].http


class InvalidInput(DomainError):
    code = "invalid_input"


class Unauthenticated(DomainError):
    code = "unauthenticated"
    is_about_token = False  # a token was sent, and is not worth anything


class Forbidden(DomainError):
    code = "forbidden"


class NotFound(DomainError):
    """There is no such thing, or none that this caller may know of: the two answers are the same."""

    code = "not_found"


class AlreadyExists(DomainError):
    code = "already_exists"


class VersionMismatch(DomainError):
    code = "version_mismatch"


class PreconditionFailed(VersionMismatch):
    """What stands is not what a condition of the request is about (RFC 9110, 13.1)."""

    http_status = 412


class IdempotencyMismatch(DomainError):
    code = "idempotency_mismatch"


class InProgress(DomainError):
    code = "in_progress"


class CursorExpired(DomainError):
    code = "cursor_expired"


class TooLarge(DomainError):
    code = "too_large"


class RateLimited(DomainError):
    code = "rate_limited"


class Unavailable(DomainError):
    code = "unavailable"
