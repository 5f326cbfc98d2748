"""The domain errors, and the code of each in every protocol. No other module defines these codes."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.budgets import Budget


@dataclass(frozen=True)
class Status:
    """One code of the catalogue: HTTP status, gRPC status name, title. GraphQL's code is its key in capitals."""

    http: int
    grpc: str
    title: str


CATALOGUE: dict[str, Status] = {
    "invalid_input": Status(400, "INVALID_ARGUMENT", "Invalid input"),
    "too_complex": Status(400, "INVALID_ARGUMENT", "Too complex"),
    "unauthenticated": Status(401, "UNAUTHENTICATED", "Authorization required"),
    "forbidden": Status(403, "PERMISSION_DENIED", "Not permitted"),
    "not_found": Status(404, "NOT_FOUND", "Resource not found"),
    "method_not_allowed": Status(405, "UNIMPLEMENTED", "Method not allowed"),
    "not_acceptable": Status(406, "UNIMPLEMENTED", "Not acceptable"),
    "already_exists": Status(409, "ALREADY_EXISTS", "Already exists"),
    "version_mismatch": Status(409, "ABORTED", "Version mismatch"),
    "in_use": Status(409, "FAILED_PRECONDITION", "In use"),
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
    """A refusal that is reported to the client.

    `fields` maps an input field to one text; `details` is for the caller's program (ids, figures);
    `retry_after_s` is the number of whole seconds after which the same call may succeed; `budget` is the
    remaining rate limit, if it is known where the call is refused.
    """

    code = "internal"
    http_status: int | None = None  # set if HTTP has a more specific status than the catalogue: 412 for If-Match

    def __init__(
        self,
        message: str = "",
        *,
        fields: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
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


class TooComplex(DomainError):
    """A valid request that would take too long to read or to answer."""

    code = "too_complex"


class BadParameters:
    """Collects the errors in the parameters of a request, so that one refusal names all of them.

    bad = BadParameters()
    with bad:
        sort = sort_of(...)
    with bad:
        found = filtered(...)
    bad.check()
    """

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def __enter__(self) -> None:
        """Start to collect the fields of an InvalidInput that the block raises."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if not isinstance(error, InvalidInput) or not error.fields:
            return False
        self._fields |= error.fields
        return True

    def check(self) -> None:
        """Raise InvalidInput if any errors were collected."""
        if self._fields:
            raise InvalidInput(fields=self._fields)


class Unauthenticated(DomainError):
    code = "unauthenticated"
    is_about_token = False  # True if a token was sent but is invalid


class Forbidden(DomainError):
    code = "forbidden"


class NotFound(DomainError):
    """The object does not exist, or the caller may not know of it: the response is the same."""

    code = "not_found"


class AlreadyExists(DomainError):
    code = "already_exists"


class InUse(DomainError):
    """Other rows still refer to the row that would be deleted."""

    code = "in_use"


class VersionMismatch(DomainError):
    code = "version_mismatch"


class PreconditionFailed(VersionMismatch):
    """A precondition of the request is false for the current state (RFC 9110, 13.1)."""

    http_status = 412


class IdempotencyMismatch(DomainError):
    code = "idempotency_mismatch"


class InProgress(DomainError):
    code = "in_progress"


class CursorExpired(DomainError):
    code = "cursor_expired"


class TooLarge(DomainError):
    code = "too_large"


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"


class UnsupportedEncoding(UnsupportedMediaType):
    """The body has a content coding (gzip, br) that the shop does not decode."""


class RateLimited(DomainError):
    code = "rate_limited"


class Unavailable(DomainError):
    code = "unavailable"
