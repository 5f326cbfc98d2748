"""Every refusal and every fault as an error of connectrpc, with the code, the text and the details that gRPC has."""

from collections.abc import Mapping
from typing import NamedTuple

from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from google.rpc import status_pb2
from protobuf.wkt import Any

from ecommerce import bodies
from ecommerce.budgets import Budget
from ecommerce.errors import DomainError, InvalidInput, TooLarge, Unavailable
from ecommerce.rest.errors import headers_of
from ecommerce.rpc import errors as rpc
from ecommerce.threads import QueueFull

BUSY_RETRY_S = 1


class NoSuchMethod(DomainError):
    """gRPC's UNIMPLEMENTED: there is no such method, or none that can be called this way."""

    code = "method_not_allowed"


class UnknownForm(DomainError):
    code = "unsupported_media_type"


# What connectrpc refuses by itself is about the protocol: a length that is wrong, a compression that nobody knows.
OWN_REFUSALS: dict[Code, type[DomainError]] = {
    Code.RESOURCE_EXHAUSTED: TooLarge,
    Code.UNIMPLEMENTED: UnknownForm,
}


class Answer(NamedTuple):
    """What is said of an error: to connectrpc, to the log, and in the headers of HTTP."""

    error: ConnectError
    code: str
    headers: Mapping[str, str] = {}
    budget: Budget | None = None  # that is used up


def answer_to(error: Exception) -> Answer:
    """Return the answer to whatever ended a call; a fault goes to the log, and says nothing of itself."""
    match error:
        case bodies.ClientGone() | rpc.ClientGone():
            return Answer(ConnectError(Code.CANCELED, rpc.GONE), "CANCELLED")
        case ConnectError(code=Code.DEADLINE_EXCEEDED):
            return Answer(ConnectError(error.code, "The deadline is over"), "DEADLINE_EXCEEDED")
        case ConnectError(code=Code.CANCELED):  # by the server's end, when its grace is over
            return _refused(Unavailable("The server ends"))
        case QueueFull():
            return _refused(Unavailable("The server is busy", retry_after_s=BUSY_RETRY_S))
        case ConnectError():
            return _refused(OWN_REFUSALS.get(error.code, InvalidInput)(error.message))
        case _:
            return _refused(rpc.refusal_of(error))


def _refused(refusal: DomainError) -> Answer:
    status = rpc.status_of(refusal)
    content = dict(status.trailing_metadata)[rpc.DETAILS_KEY]
    details = [
        ErrorDetail(Any(type_url=detail.type_url, value=detail.value))
        for detail in status_pb2.Status.FromString(content).details
    ]
    error = ConnectError(Code[status.code.name], status.details, details)
    return Answer(error, status.code.name, headers_of(refusal), refusal.budget)
