"""Every refusal and every fault as a gRPC status with google.rpc details."""

import json
import logging
from typing import Any, NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2

from ecommerce.budgets import Budget, fields_of
from ecommerce.errors import CATALOGUE, DomainError
from ecommerce.logs import request_id
from ecommerce.rest.errors import as_domain_error

log = logging.getLogger(__name__)
DOMAIN = "ecommerce"
GONE = "The client is gone"
DETAILS_KEY = "grpc-status-details-bin"
# A client takes 8 KiB of metadata, and would see none of the error where there is more.
MAX_MESSAGE_BYTES = 1_000
MAX_FIELDS_BYTES = 1_800
MAX_FACT_BYTES = 600

Metadata = tuple[tuple[str, str | bytes], ...]


class ClientGone(Exception):
    """The client cancelled, or its deadline is over: nobody waits for an answer."""


def refusal_of(error: Exception) -> DomainError:
    """Return what a client is told of an error; a fault goes to the log, and says nothing of itself."""
    refusal = as_domain_error(error)
    if refusal is None:
        log.error("Unhandled error", exc_info=error)
        refusal = DomainError()
    return refusal


class Status(NamedTuple):
    """What ends a call, in the form that grpcio's `abort_with_status` takes."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: Metadata


def status_of(refusal: DomainError, *more: tuple[str, str]) -> Status:
    """Return the status, with the details as google.rpc.Status in the trailing metadata, and `more` beside them."""
    code, message = grpc.StatusCode[CATALOGUE[refusal.code].grpc], _cut(refusal.message, MAX_MESSAGE_BYTES)
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in _details(refusal):
        status.details.add().Pack(detail)
    return Status(code, message, (*request_metadata(), (DETAILS_KEY, status.SerializeToString()), *more))


def request_metadata() -> Metadata:
    """Return the trailing metadata that every call has."""
    return (("x-request-id", request_id.get()),)


def budget_metadata(budget: Budget | None, refusal: DomainError | None = None) -> Metadata:
    """Return the trailing metadata that says what is left of the caller's budget, and of one that is used up."""
    fields = fields_of(budget, refusal.budget if refusal else None)
    return tuple((name.lower(), text) for name, text in fields.items())


def _details(refusal: DomainError) -> list[Any]:
    facts = {name: _fact(value) for name, value in refusal.details.items()}
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=refusal.code, domain=DOMAIN, metadata=facts)]
    if refusal.fields:
        details.append(_bad_request(refusal.fields))
    if refusal.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromSeconds(refusal.retry_after_s)
        details.append(retry)
    details.append(error_details_pb2.RequestInfo(request_id=request_id.get()))
    return details


def _bad_request(fields: dict[str, str]) -> error_details_pb2.BadRequest:
    """Name the fields, as many as there is room for."""
    request, room = error_details_pb2.BadRequest(), MAX_FIELDS_BYTES
    for name, text in fields.items():
        violation = request.field_violations.add(field=name, description=_cut(text, MAX_FACT_BYTES))
        room -= violation.ByteSize()
        if room < 0:
            request.field_violations.pop()
            break
    return request


def _fact(value: Any) -> str:
    return _cut(value if isinstance(value, str) else json.dumps(value), MAX_FACT_BYTES)


def _cut(text: str, length: int) -> str:
    """Return at most `length` bytes of a text, as UTF-8 can hold it."""
    return text.encode(errors="replace")[:length].decode(errors="ignore")
