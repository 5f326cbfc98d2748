"""Every refusal and every unexpected exception as a connectrpc error, with the code, text and details of gRPC."""

from collections.abc import Mapping
from typing import NamedTuple

from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from google.rpc import status_pb2
from protobuf.wkt import Any

from core.budgets import Budget
from core.errors import DomainError, InvalidInput, TooLarge, Unavailable, UnsupportedMediaType
from core.faults import refusal_for
from core.protocols.faults import headers_of
from core.protocols.rpc import errors as rpc
from core.server.bodies import ClientGone


class NoSuchMethod(DomainError):
    """gRPC's UNIMPLEMENTED: the method does not exist, or can't be called with this protocol."""

    code = "method_not_allowed"


# connectrpc's own refusals are about the protocol: a wrong length, an unknown compression.
OWN_REFUSALS: dict[Code, type[DomainError]] = {
    Code.RESOURCE_EXHAUSTED: TooLarge,
    Code.UNIMPLEMENTED: UnsupportedMediaType,
}


class ErrorResponse(NamedTuple):
    """The response to an exception: connectrpc's error, the status code for the log, HTTP headers."""

    error: ConnectError
    code: str
    headers: Mapping[str, str] = {}
    budget: Budget | None = None  # the exhausted one, if the call was over a budget


def answer_to(error: Exception) -> ErrorResponse:
    """Return the response to an exception; an unexpected one is logged, and its text is not sent to the client."""
    match error:
        case ClientGone():
            return ErrorResponse(ConnectError(Code.CANCELED, rpc.GONE), "CANCELLED")
        case ConnectError(code=Code.DEADLINE_EXCEEDED):
            return ErrorResponse(ConnectError(error.code, "Deadline exceeded"), "DEADLINE_EXCEEDED")
        case ConnectError(code=Code.CANCELED):  # the server shuts down, and its grace is over
            return _refused(Unavailable("The server is shutting down"))
        case ConnectError():
            return _refused(OWN_REFUSALS.get(error.code, InvalidInput)(error.message))
        case _:
            return _refused(refusal_for(error))


def _refused(refusal: DomainError) -> ErrorResponse:
    status = rpc.status_of(refusal)
    content = dict(status.trailing_metadata)[rpc.DETAILS_KEY]
    details = [
        ErrorDetail(Any(type_url=detail.type_url, value=detail.value))
        for detail in status_pb2.Status.FromString(content).details
    ]
    error = ConnectError(Code[status.code.name], status.details, details)
    return ErrorResponse(error, status.code.name, headers_of(refusal), refusal.budget)
